"""CPU time of processes, which a noisy machine disturbs less than it does the clock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pid: int) -> float:
    """User and system time of a process and its living children."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(stat[11]) + int(stat[12])) / TICKS + sum(seconds(int(c)) for c in children)


@contextmanager
def spent(pids: dict[str, int]) -> Iterator[dict[str, float]]:
    """Fills in the seconds that each process spent in the block."""
    before = {name: seconds(pid) for name, pid in pids.items()}
    result: dict[str, float] = {}
    yield result
    result |= {name: seconds(pid) - before[name] for name, pid in pids.items()}
