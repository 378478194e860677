"""What was given to the producer and is neither acknowledged nor refused yet."""

import threading
import time
from collections import deque
from typing import Any, NamedTuple

MAX_RECORDS = 50_000
"""A little more than a relay sends at once. kafka-python itself takes records without end."""


class Waiting(NamedTuple):
    records: int
    seconds: float
    """Of the oldest."""


class InFlight:
    """Counts futures by looking at them: a callback each would cost as much as half of sending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: deque[tuple[float, list[Any]]] = deque()
        self._records = 0

    def add(self, futures: list[Any]) -> None:
        if futures:
            with self._lock:
                self._sent.append((time.monotonic(), futures))
                self._records += len(futures)

    def waiting(self) -> Waiting:
        """Up to MAX_RECORDS it may count settled ones that stand behind the oldest."""
        with self._lock:
            while self._sent and _settled(self._sent[0][1]):
                self._records -= len(self._sent.popleft()[1])
            if self._records >= MAX_RECORDS:
                self._sent = deque(one for one in self._sent if not _settled(one[1]))
                self._records = sum(len(futures) for _, futures in self._sent)
            since = self._sent[0][0] if self._sent else time.monotonic()
            return Waiting(self._records, time.monotonic() - since)


def _settled(futures: list[Any]) -> bool:
    return all(future.is_done for future in futures)
