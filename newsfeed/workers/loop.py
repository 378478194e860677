"""What commands share that work for long: a clean end, and of workers `/livez` and `/metrics`."""

import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.conf import settings
from django.core.management import CommandError
from django.db import close_old_connections

from newsfeed import process
from newsfeed.workers.metrics_server import MetricsServer

logger = logging.getLogger(__name__)
T = TypeVar("T")

STOPPERS = (signal.SIGTERM, signal.SIGINT)

STALE_SECONDS = 60
"""A step that takes longer than this is stuck: `/livez` says so, and whoever watches restarts."""


def run(*steps: Callable[[], int], idle_seconds: float = 0, port: int = 0) -> None:
    """Calls each step again and again until SIGTERM or SIGINT, which let the steps in hand finish.

    Each has a thread of its own, the first one this thread. A step returns how much it has done;
    after 0 it rests for `idle_seconds`. Port 0 serves nothing. Raises CommandError when the port
    cannot be had. What one step raises ends the others, and is raised.
    """
    stopping = _signals()
    process.prepare(settings.TIME_LIMITS.database_worker)
    hearts = [_Heart() for _ in steps]
    with _serve(port, hearts), ThreadPoolExecutor(len(steps)) as threads:
        first, *others = [
            partial(_repeat, step, heart, stopping, idle_seconds)
            for step, heart in zip(steps, hearts, strict=True)
        ]
        running = [threads.submit(other) for other in others]
        first()
    for one in running:
        one.result()
    logger.info("stopped")


def _repeat(
    step: Callable[[], int], heart: "_Heart", stopping: SimpleQueue[int], idle_seconds: float
) -> None:
    try:
        while stopping.empty():
            heart.beat()
            close_old_connections()
            if not step():
                _rest(stopping, idle_seconds)
    finally:
        stopping.put(signal.SIGTERM)


def until_stopped(work: Iterable[T]) -> Iterator[T]:
    """Piece by piece, until SIGTERM or SIGINT, which let the piece in hand finish.

    In the end signals do again what they did before.
    """
    before = {number: signal.getsignal(number) for number in STOPPERS}
    stopping = _signals()
    try:
        for piece in work:
            yield piece
            if not stopping.empty():
                logger.info("stopped")
                break
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signals() -> SimpleQueue[int]:
    """Where SIGTERM and SIGINT go from now on.

    Not an Event: a handler that runs while `wait` holds the Event's lock waits for it forever.
    """
    received: SimpleQueue[int] = SimpleQueue()
    # CPython takes a timeout that is over by then for none, but only at the first look.
    with suppress(Empty):
        received.get_nowait()
    for number in STOPPERS:
        signal.signal(number, lambda number, _: received.put(number))
    return received


def _rest(stopping: SimpleQueue[int], seconds: float) -> None:
    """Until there is a signal, which stays in the queue, or the time is over."""
    with suppress(Empty):
        stopping.put(stopping.get(timeout=seconds))


class _Heart:
    """When the last step began."""

    def __init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        self._last_beat = time.monotonic()

    def age(self) -> float:
        return time.monotonic() - self._last_beat

    def liveness(self) -> tuple[bool, str]:
        age = self.age()
        return age < STALE_SECONDS, f"last step began {age:.1f} s ago"


def _liveness(hearts: Sequence[_Heart]) -> tuple[bool, str]:
    """Of the one that has waited longest."""
    return max(hearts, key=_Heart.age).liveness()


@contextmanager
def _serve(port: int, hearts: Sequence[_Heart]) -> Iterator[None]:
    if not port:
        yield
        return
    try:
        server = MetricsServer("", port, lambda: _liveness(hearts))
    except (OSError, OverflowError) as error:
        raise CommandError(f"Cannot serve /livez and /metrics on port {port}: {error}") from error
    with server:
        server.start()
        yield
        server.shutdown()
