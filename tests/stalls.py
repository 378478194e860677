"""How long the machine itself stood still, so that it is not held against the service."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.threads import Threads

NAP_SECONDS = 0.05


class Stalls:
    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []

    def add(self, due: float, woke: float) -> None:
        self._late.append((due, woke))

    def between(self, began: float, ended: float) -> float:
        """Seconds of standing still, by the monotonic clock."""
        overlaps = (min(woke, ended) - max(due, began) for due, woke in self._late)
        return sum(overlap for overlap in overlaps if overlap > 0)


@contextmanager
def stalls_noted() -> Iterator[Stalls]:
    """A block beside which somebody naps on and on, and notes how late he wakes."""
    noted = Stalls()

    def nap() -> None:
        while not threads.over.is_set():
            due = time.monotonic() + NAP_SECONDS
            time.sleep(NAP_SECONDS)
            noted.add(due, time.monotonic())

    threads = Threads([nap])
    with threads:
        yield noted
