import gc
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any
from urllib.error import HTTPError

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from conftest import free_port
from newsfeed.workers import loop
from tests.time_limits import SetLimits

STOPPERS = [signal.SIGTERM, signal.SIGINT]
LIMIT_SECONDS = 60


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loop may do to this process what it does to its own, until the test ends."""
    # The test's own connection is in the midst of a transaction.
    monkeypatch.setattr(loop, "close_old_connections", lambda: None)
    handlers = {number: signal.getsignal(number) for number in STOPPERS}
    yield
    gc.unfreeze()  # or nothing of the other tests would ever be collected
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _limit() -> Iterator[None]:
    """A loop that does not end would be waited for forever."""

    def fail(*_: object) -> None:
        raise AssertionError(f"not ended after {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _get(port: int, path: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def _ask(port: int, path: str) -> tuple[int, str, str]:
    """What a worker answers that is in the midst of its first step."""
    answers = []

    def step() -> int:
        answers.append(_get(port, path))
        signal.raise_signal(signal.SIGTERM)
        return 1

    loop.run(step, port=port)
    return answers[0]


def test_several_steps_run_side_by_side_until_a_signal_ends_all() -> None:
    meet = threading.Barrier(2, timeout=30)
    done: list[str] = []

    def step(name: str) -> int:
        meet.wait()  # neither gets past it alone
        done.append(name)
        if name == "second" and len(done) >= 6:
            signal.raise_signal(signal.SIGTERM)
        return 1

    loop.run(partial(_until_broken, step, "first"), partial(_until_broken, step, "second"))
    assert min(done.count("first"), done.count("second")) >= 2


def _until_broken(step: Callable[[str], int], name: str) -> int:
    """The other may have seen the signal first."""
    with suppress(threading.BrokenBarrierError):
        return step(name)
    return 0


@pytest.mark.parametrize("failing", [0, 1])
def test_a_step_that_fails_ends_the_others_and_is_raised(failing: int) -> None:
    def fail() -> int:
        raise ValueError("a bug")

    steps = [lambda: 0, lambda: 0]
    steps[failing] = fail
    with pytest.raises(ValueError, match="a bug"):
        loop.run(*steps, idle_seconds=0.01)


@pytest.mark.parametrize("numbers", [STOPPERS[:1], STOPPERS[1:], STOPPERS])
def test_signals_let_the_step_in_hand_finish(numbers: list[signal.Signals]) -> None:
    done: list[str] = []

    def step() -> int:
        done.append("begun")
        for number in numbers if len(done) == 5 else ():
            signal.raise_signal(number)
        done.append("finished")
        return 1

    loop.run(step)
    assert done == ["begun", "finished"] * 3


@pytest.mark.parametrize("number", STOPPERS)
def test_of_work_that_ends_by_itself_a_signal_lets_the_piece_in_hand_finish(
    number: signal.Signals,
) -> None:
    before, begun, finished = signal.getsignal(number), list[int](), list[int]()

    def pieces() -> Iterator[int]:
        for n in range(5):
            begun.append(n)
            yield n

    for n in loop.until_stopped(pieces()):
        if n == 2:
            signal.raise_signal(number)
        finished.append(n)
    assert begun == finished == [0, 1, 2]
    assert signal.getsignal(number) is before


def test_without_a_signal_all_is_done_and_an_error_is_not_held_back() -> None:
    def fail(_: int) -> None:
        raise KeyError

    assert list(loop.until_stopped(range(5))) == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError):
        list(map(fail, loop.until_stopped(range(5))))


@pytest.mark.parametrize(("done", "idle_seconds"), [(1, 3600), (0, 0.2)])
def test_it_rests_only_when_there_was_nothing_to_do(done: int, idle_seconds: float) -> None:
    begun: list[float] = []

    def step() -> int:
        begun.append(time.monotonic())
        if len(begun) == 3:
            signal.raise_signal(signal.SIGTERM)
        return done

    loop.run(step, idle_seconds=idle_seconds)
    assert done or begun[-1] - begun[0] >= 0.4


@pytest.mark.parametrize("number", STOPPERS)
def test_a_signal_ends_the_rest_at_once(number: signal.Signals) -> None:
    steps: list[int] = []

    def step() -> int:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        steps.append(1)
        return 0

    loop.run(step, idle_seconds=3600)
    assert steps == [1]


@pytest.mark.parametrize("moment", range(0, 40, 2))
def test_a_signal_at_any_moment_of_the_rest_ends_the_loop(moment: int) -> None:
    """Python runs a handler between any two instructions, also of those that hold a lock."""
    left = moment

    def trace(*_: object) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            sys.settrace(None)
            signal.raise_signal(signal.SIGTERM)
        return trace

    def step() -> int:
        frame: FrameType | None = sys._getframe(1)
        if left == moment and frame is not None:
            frame.f_trace = trace
            sys.settrace(trace)
        return 0

    loop.run(step, idle_seconds=0.001)


def test_a_rest_ends_also_if_its_time_is_over_before_it_begins() -> None:
    for _ in range(30_000):
        loop._rest(loop._signals(), 1e-7)


def test_a_worker_whose_step_hangs_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    port, statuses, hung = free_port(), list[int](), [0]
    real = time.monotonic
    clock = SimpleNamespace(monotonic=lambda: real() + hung[0])
    monkeypatch.setattr(loop, "time", clock)

    def step() -> int:
        hung[0] += loop.STALE_SECONDS if len(statuses) == 1 else 0
        statuses.append(_get(port, "/livez")[0])
        if len(statuses) == 3:
            signal.raise_signal(signal.SIGTERM)
        return 1

    loop.run(step, port=port)
    assert statuses == [200, 503, 200]


@pytest.mark.parametrize(
    ("path", "status", "kind", "part"),
    [
        ("/livez", 200, "text/plain", r"\Alast step began \d+\.\d s ago\n\Z"),
        ("/metrics", 200, "text/plain; version=", r"python_info{"),
        *((path, 404, "text/plain", r"\A/livez or /metrics\n\Z") for path in ("/", "/livez/")),
    ],
)
def test_it_tells_its_health_and_metrics_and_nothing_else(
    path: str, status: int, kind: str, part: str
) -> None:
    told, content_type, body = _ask(free_port(), path)
    assert told == status
    assert content_type.startswith(kind)
    assert re.search(part, body)


def test_a_worker_that_ended_leaves_its_port_to_the_next() -> None:
    port = free_port()
    for _ in range(2):
        assert _ask(port, "/livez")[0] == 200


@pytest.mark.parametrize(("port", "threads"), [(0, 0), (None, 1)])
def test_port_0_serves_nothing(port: int | None, threads: int) -> None:
    before, found = set(threading.enumerate()), []

    def step() -> int:
        found.append(len(set(threading.enumerate()) - before))
        signal.raise_signal(signal.SIGTERM)
        return 1

    loop.run(step, port=free_port() if port is None else port)
    assert found == [threads]


def test_a_port_that_cannot_be_had_is_said_before_the_first_step() -> None:
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        for port in (other.getsockname()[1], 65_536):
            with pytest.raises(CommandError, match=f"on port {port}: "):
                loop.run(lambda: pytest.fail("it steps"), port=port)


def test_the_end_is_logged_and_no_probe(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    _ask(free_port(), "/livez")
    assert caplog.messages == ["stopped"]
    assert "/livez" not in capfd.readouterr().err


PROGRAM = """
import django, signal, sys
django.setup()
from newsfeed.workers import loop

def step():
    if {fails}:
        raise RuntimeError("a bug")
    signal.raise_signal(signal.SIGTERM)
    return 1

loop.run(step, port={port})
"""


@pytest.mark.parametrize("port", [0, None])
@pytest.mark.parametrize("fails", [False, True])
def test_a_step_that_raises_ends_the_process(port: int | None, *, fails: bool) -> None:
    program = PROGRAM.format(fails=fails, port=free_port() if port is None else port)
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=Path(loop.__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "newsfeed.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert ended.returncode == int(fails)
    assert ("RuntimeError: a bug" in ended.stderr) is fails


@pytest.mark.django_db(transaction=True)
def test_it_does_not_wait_forever_for_a_database_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, set_limits: SetLimits
) -> None:
    set_limits(database_worker=1)
    monkeypatch.setitem(
        connection.settings_dict, "OPTIONS", dict(connection.settings_dict["OPTIONS"])
    )
    connection.close()

    def step() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT SLEEP(0.5)")
            cursor.execute("SELECT SLEEP(50)")
        return 1

    began = time.monotonic()
    with pytest.raises(OperationalError, match="Lost connection"):
        loop.run(step)
    assert 1 < time.monotonic() - began < 30
    connection.close()
