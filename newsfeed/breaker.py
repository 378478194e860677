"""A circuit breaker: stops asking what does not answer, and tries again after a while."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

from prometheus_client import Counter

# Not the state: a breaker that nobody asks stays open, long after all is well.
OPENED = Counter("feed_breaker_opened_total", "Times it stopped asking for a while.", ["name"])


class State(IntEnum):
    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class BreakerOpen(Exception):
    """Not tried: the last calls failed."""


@dataclass
class Breaker:
    """Guards calls to one dependency, for the threads of one process.

    Opens when, of the last `window` calls, at least `minimum` were made and the share that raised
    reaches `failure_rate`, or the share that took longer than `slow_seconds` reaches `slow_rate`.
    After `open_seconds` it lets `probes` calls through: all good closes it, one bad opens it again.
    The states are Michael Nygard's ("Release It!", 2007), the two rates resilience4j's.
    """

    name: str
    slow_seconds: float
    slow_rate: float = 0.8
    failure_rate: float = 0.5
    window: int = 20
    minimum: int = 3
    open_seconds: float = 2.0
    probes: int = 1
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[bool, bool]] = deque(maxlen=self.window)
        self._opened = OPENED.labels(self.name)
        self.reset()

    def reset(self) -> None:
        """Closes it and forgets all calls."""
        self._enter(State.CLOSED)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Raises BreakerOpen instead of running the block; what the block raises is a failure."""
        is_probe = self._admit()
        started, failed = time.monotonic(), True
        try:
            yield
            failed = False
        finally:
            slow = time.monotonic() - started > self.slow_seconds
            with self._lock:
                if is_probe:
                    self._judge_probe(bad=failed or slow)
                else:
                    self._judge_call(failed=failed, slow=slow)

    def _admit(self) -> bool:
        """Whether the call is a probe."""
        with self._lock:
            if self.state is State.OPEN and time.monotonic() >= self._opened_at + self.open_seconds:
                self._enter(State.HALF_OPEN)
            if self.state is State.CLOSED:
                return False
            if self.state is State.OPEN or self._admitted >= self.probes:
                raise BreakerOpen(self.name)
            self._admitted += 1
            return True

    def _judge_probe(self, *, bad: bool) -> None:
        if self.state is not State.HALF_OPEN:  # another probe has decided
            return
        self._passed += not bad
        if bad:
            self._enter(State.OPEN)
        elif self._passed == self.probes:
            self._enter(State.CLOSED)

    def _judge_call(self, *, failed: bool, slow: bool) -> None:
        if self.state is not State.CLOSED:  # admitted before it opened
            return
        self._calls.append((failed, slow))
        if len(self._calls) < self.minimum:
            return
        failures = sum(failed for failed, _ in self._calls) / len(self._calls)
        slowness = sum(slow for _, slow in self._calls) / len(self._calls)
        if failures >= self.failure_rate or slowness >= self.slow_rate:
            self._enter(State.OPEN)

    def _enter(self, state: State) -> None:
        self.state = state
        self._calls.clear()
        self._admitted = self._passed = 0
        self._opened_at = time.monotonic()
        if state is State.OPEN:
            self._opened.inc()
