"""A pytest plugin that runs a module's tests against many changes of it in one process.

pytest -p tests.mutation.warm --module feeds/store.py --changes FILE --results FILE TESTS...

It runs every test once, and notes which functions of the module each one calls. Then it forks a
child for each change: the child puts the changed code into the functions that are there and runs
the tests that call them, cheapest first, up to the first failure. An assignment outside functions
is executed again. Any other change there, and a function that runs only during the import, needs a
new process (`__main__.cold`).
"""

import ast
import gc
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType, SimpleNamespace
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

PATIENCE = 5
"""A change that makes the tests take this many times as long hangs them."""
KILLED, SURVIVED, HUNG, COLD = "killed", "survived", "hung", "cold"
EXIT = {0: SURVIVED, 1: KILLED, 2: COLD}


def pytest_addoption(parser: pytest.Parser) -> None:
    for name in ("--module", "--changes", "--results"):
        parser.addoption(name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    option = session.config.option
    path = str(Path(option.module).resolve())
    calls, seconds = _run_all(session, path)
    if session.testsfailed:
        raise session.Failed("the tests fail without a change")
    if _in_child(session, path, None, calls, seconds) != SURVIVED:
        raise session.Failed("the tests fail in a child without a change")
    with Path(option.changes).open() as changes, Path(option.results).open("a") as results:
        for line in changes:
            change = json.loads(line)
            began = time.monotonic()
            outcome = _in_child(session, path, change["source"], calls, seconds)
            told = {name: change[name] for name in ("line", "before", "after")}
            took = round(time.monotonic() - began, 1)
            told |= {"module": option.module, "outcome": outcome, "seconds": took}
            print(json.dumps(told, ensure_ascii=False), file=results, flush=True)
    return True


def _run_all(session: pytest.Session, path: str) -> tuple[dict[str, set[int]], list[float]]:
    """{function of the module: numbers of the tests that call it}, and the seconds of each test."""
    from django.urls import get_resolver  # noqa: PLC0415

    calls: defaultdict[str, set[int]] = defaultdict(set)
    seconds = []
    current = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        if frame.f_code.co_filename == path:
            calls[frame.f_code.co_qualname].add(current)

    get_resolver().url_patterns  # noqa: B018 (what views import is not the first request's call)
    for current, item in enumerate(session.items):  # noqa: B007
        _forget_results(path)
        began = time.monotonic()
        threading.settrace(note)
        sys.settrace(note)
        runtestprotocol(item, nextitem=_nothing(session), log=True)
        sys.settrace(None)
        seconds.append(time.monotonic() - began)
    threading.settrace(None)
    return calls, seconds


def _in_child(
    session: pytest.Session,
    path: str,
    source: str | None,
    calls: dict[str, set[int]],
    seconds: list[float],
) -> str:
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        os._exit(_try(session, path, source, calls, seconds))
    give_up_at = time.monotonic() + 30 + PATIENCE * sum(seconds)
    while time.monotonic() < give_up_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return EXIT.get(code, COLD)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HUNG


def _try(
    session: pytest.Session,
    path: str,
    source: str | None,
    calls: dict[str, set[int]],
    seconds: list[float],
) -> int:
    from django.db import connections  # noqa: PLC0415

    for connection in connections.all(initialized_only=True):
        connection.connection = None  # it is the parent's
    changed = _apply(path, source) if source else []
    _forget_results(path)
    if changed is None:
        return 2
    numbers = set().union(*(calls.get(name, set()) for name in changed))
    if changed and not numbers:
        return 2
    numbers = numbers or set(range(len(session.items)))
    for number in sorted(numbers, key=lambda number: seconds[number]):
        item: Any = session.items[number]
        if hasattr(item, "_initrequest"):
            item._initrequest()
        reports = runtestprotocol(item, nextitem=_nothing(session), log=False)
        if any(report.failed for report in reports):
            return 1
    return 0


def _apply(path: str, source: str) -> list[str] | None:
    """The changed functions; [] for an assignment of the module; None if it cannot be done."""
    old, new = (compile(text, path, "exec") for text in (Path(path).read_text(), source))
    before, after = (dict(_functions(code)) for code in (old, new))
    if before.keys() != after.keys():
        return None
    changed = [name for name in before if not _same(before[name], after[name])]
    live = defaultdict(list)
    for thing in gc.get_objects():
        # Not isinstance, which would set up lazy objects.
        if type(thing) is FunctionType and thing.__code__.co_filename == path:
            live[thing.__code__.co_qualname, thing.__code__.co_firstlineno].append(thing)
    # All of them: a comprehension or inner function is a constant of the function around it.
    for name in before if changed else ():
        for function in live[name]:
            function.__code__ = after[name]
    if changed:
        return [name for name, _ in changed]
    return _assign(path, source)


def _nothing(session: pytest.Session) -> Any:
    """As the next test: tears down everything but what lasts for the session."""
    return SimpleNamespace(listchain=lambda: [session])


def _functions(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            yield from _functions(constant)


def _same(one: CodeType, other: CodeType) -> bool:
    """But for the functions in them."""

    def constants(code: CodeType) -> list[object]:
        return [type(c) if isinstance(c, CodeType) else (type(c), c) for c in code.co_consts]

    return (one.co_code, one.co_names, constants(one)) == (
        other.co_code,
        other.co_names,
        constants(other),
    )


def _forget_results(path: str) -> None:
    """Of functions with an `lru_cache`, or a test would not call them."""
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) == path:
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()


def _assign(path: str, source: str) -> list[str] | None:
    module = next(m for m in sys.modules.values() if getattr(m, "__file__", None) == path)
    old, new = (ast.parse(text).body for text in (Path(path).read_text(), source))
    for one, other in zip(old, new, strict=True):
        if ast.dump(one) != ast.dump(other):
            if not isinstance(other, ast.Assign | ast.AnnAssign):
                return None
            body = ast.Module([other], [])
            exec(compile(body, path, "exec"), module.__dict__)  # noqa: S102
            return []
    return None
