"""Runs a program of the service that kills itself, once, at a named point.

python -m tests.faults.crashing POINT HIT MARKER PROGRAM...

POINT is `before` or `after` and a function, as in `before:newsfeed.events.outbox:published`; HIT
counts its calls from 1. MARKER is a file made at the death: whoever finds it lives on, so that a
worker that gunicorn starts in place of the dead one does its work.
"""

import functools
import importlib
import os
import runpy
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

RELAY_LEASE = timedelta(seconds=3)
SESSION_MS = 6_000
"""The least that a broker allows by default. The tests wait for the dead to be given up."""


def main() -> None:
    point, hit, marker, *program = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    be_given_up_soon()
    plant(point, int(hit), Path(marker))
    sys.argv = program
    start(program[0])


def be_given_up_soon() -> None:
    from newsfeed.events import consumer, outbox  # noqa: PLC0415 (after the set-up)

    outbox.RELAY_LEASE = RELAY_LEASE
    quick = functools.partial(vars(consumer)["KafkaConsumer"], heartbeat_interval_ms=1_500)

    def start_quick(**config: Any) -> Any:
        return quick(**config | {"session_timeout_ms": SESSION_MS})

    vars(consumer)["KafkaConsumer"] = start_quick


def plant(point: str, hit: int, marker: Path) -> None:
    when, module_name, path = point.split(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    setattr(owner, name, deadly(getattr(owner, name), when, hit, marker))


def deadly(function: Callable[..., Any], when: str, hit: int, marker: Path) -> Callable[..., Any]:
    calls = 0

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == hit:
            die(marker)
        result = function(*args, **kwargs)
        if when == "after" and calls == hit:
            die(marker)
        return result

    return call


def die(marker: Path) -> None:
    try:
        marker.open("x").close()
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def start(program: str) -> None:
    if program == "gunicorn":
        runpy.run_module(program, run_name="__main__")
    else:
        runpy.run_path(program, run_name="__main__")


main()
