"""What the service's processes take of the machine, looked at whenever all is at rest."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dev.control import APPS, Control
from tests.faults.chaos_scene import children

WARM_SECONDS = 150
"""By then a process has done all it does, and holds what it keeps for it."""
LONG_SECONDS = 180
"""Who lives so much longer can be judged."""
MAX_GROWTH = 0.05
NO_GROWTH = 4
"""Megabytes. gunicorn's master, of 24, imports 2.5 at the death of its first worker."""
MORE_THREADS, MORE_SOCKETS = 1, 3
"""A consumer's first dead letter makes a producer; and requests may be under way."""


class Usage(NamedTuple):
    at: float
    """Seconds, monotonic."""
    megabytes: float
    threads: int
    sockets: int


class Life(NamedTuple):
    """Of one process: when it had warmed up, and at its end."""

    program: str
    warm: Usage
    last: Usage

    @property
    def seconds(self) -> float:
        return self.last.at - self.warm.at

    @property
    def growth(self) -> float:
        return self.last.megabytes / self.warm.megabytes - 1

    @property
    def is_bounded(self) -> bool:
        more_sockets = self.last.sockets - self.warm.sockets
        grown = self.last.megabytes - self.warm.megabytes
        return (
            (self.growth < MAX_GROWTH or grown < NO_GROWTH)
            and self.last.threads <= self.warm.threads + MORE_THREADS
            and more_sockets <= MORE_SOCKETS
        )

    def __str__(self) -> str:
        warm, last = self.warm, self.last
        return (
            f"{self.program} {warm.megabytes:.0f} to {last.megabytes:.0f} MB ({self.growth:+.1%}),"
            f" threads {warm.threads} to {last.threads}, sockets {warm.sockets} to {last.sockets}"
            f" in {self.seconds:.0f} s"
        )


class Resources:
    def __init__(self, stack: Control) -> None:
        self._stack = stack
        self._seen: defaultdict[tuple[str, int], list[Usage]] = defaultdict(list)

    def look(self) -> dict[str, int]:
        """MB by program."""
        megabytes = dict.fromkeys(APPS, 0.0)
        for name in APPS:
            pid = self._stack.pid(name)
            for role, each in [(name, pid), *((f"{name} worker", c) for c in children(pid))]:
                with suppress(OSError):  # it has just ended
                    usage = _usage(each)
                    self._seen[role, each].append(usage)
                    megabytes[name] += usage.megabytes
        return {name: round(sum_) for name, sum_ in megabytes.items()}

    def long_lives(self) -> Iterator[Life]:
        """Of each kind of process the one that could be watched for longest, if for long."""
        longest: dict[str, Life] = {}
        for (role, _), seen in self._seen.items():
            warm = [usage for usage in seen if usage.at - seen[0].at >= WARM_SECONDS]
            if not warm or warm[-1].at - warm[0].at < LONG_SECONDS:
                continue
            life = Life(role, warm[0], warm[-1])
            if role not in longest or longest[role].seconds < life.seconds:
                longest[role] = life
        yield from longest.values()


def _usage(pid: int) -> Usage:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in status)
    sockets = 0
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            sockets += os.readlink(fd).startswith("socket:")
    resident = int(fields["VmRSS"].split()[0]) / 1024
    return Usage(time.monotonic(), resident, int(fields["Threads"]), sockets)
