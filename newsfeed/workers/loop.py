"""What commands share that work for long: a clean end, and of workers `/livez` and `/metrics`."""

import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.core.management import CommandError
from django.db import close_old_connections

from newsfeed import process
from newsfeed.workers.metrics_server import MetricsServer

logger = logging.getLogger(__name__)
T = TypeVar("T")

STOPPERS = (signal.SIGTERM, signal.SIGINT)

STALE_SECONDS = 60
"""A step that takes longer than this is stuck: `/livez` says so, and whoever watches restarts."""
DATABASE_SECONDS = 10
"""For one answer. A connection that died without a word would be waited for without end."""


def run(step: Callable[[], int], *, idle_seconds: float = 0, port: int = 0) -> None:
    """Calls `step` until SIGTERM or SIGINT, which let the step in hand finish.

    A step returns how much it has done; after 0 the loop rests for `idle_seconds`. Port 0 serves
    nothing. Raises CommandError when the port cannot be had.
    """
    stopping = _signals()
    process.settle(DATABASE_SECONDS)
    with _serve(port) as beat:
        while stopping.empty():
            beat()
            close_old_connections()
            if not step():
                _rest(stopping, idle_seconds)
    logger.info("stopped")


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

    def liveness(self) -> tuple[bool, str]:
        age = time.monotonic() - self._last_beat
        return age < STALE_SECONDS, f"last step began {age:.1f} s ago"


@contextmanager
def _serve(port: int) -> Iterator[Callable[[], None]]:
    """Yields what to call at each step."""
    heart = _Heart()
    if not port:
        yield heart.beat
        return
    try:
        server = MetricsServer("", port, heart.liveness)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Cannot serve /livez and /metrics on port {port}: {error}") from error
    with server:
        server.start()
        yield heart.beat
        server.shutdown()
