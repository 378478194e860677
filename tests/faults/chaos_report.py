"""What a chaos run has to tell."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dev.control import APPS, Control
from tests.faults.chaos_check import Findings
from tests.faults.chaos_scene import children
from tests.faults.chaos_world import Ledger

Memory = dict[str, int]


class Healed(NamedTuple):
    kind: str
    seconds: float
    """Until everything was at rest."""
    refused: int
    """Requests that were answered with 503 or not at all."""


@dataclass
class Report:
    seed: int
    ledger: Ledger
    found: Findings
    healed: list[Healed] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What was not at rest in time, or did not run at all."""
    deliveries: int = 0
    dead_twice: int = 0
    feeds_checked: int = 0
    seconds: float = 0
    before: Memory = field(default_factory=dict)
    after: Memory = field(default_factory=dict)

    def server_errors(self) -> int:
        """But 503, which says that the database is away."""
        counted = self.ledger.statuses.items()
        return sum(n for name, n in counted if name.split()[-1] in {"500", "501", "502", "504"})

    def problems(self) -> list[str]:
        ledger = self.ledger
        return [
            *self.found.all(),
            *ledger.ghosts,
            *ledger.misordered,
            *ledger.odd,
            *ledger.by_hand,
            *self.failures,
        ]

    def lines(self) -> Iterator[str]:
        posts = self.ledger.posts
        kinds = len({one.kind for one in self.healed})
        recoveries = [one.seconds for one in self.healed]
        yield from _table(
            ("seed", f"{self.seed}"),
            ("faults", f"{len(recoveries)} of {kinds} kinds in {self.seconds:.0f} s"),
            ("posts", f"{len(posts):,}, {sum(map(bool, posts.values())):,} answered with 201"),
            ("deliveries", f"{self.deliveries:,}, and {self.ledger.injected:,} by faults"),
            ("feeds compared", f"{self.feeds_checked:,}; {self.found.ready:,} ready in Redis"),
            ("lost", f"{len(self.found.lost)}"),
            ("duplicated", f"{len(self.found.doubled)}"),
            ("misordered", f"{len(self.found.misordered + self.ledger.misordered)}"),
            ("ghosts", f"{len(self.found.ghosts + self.ledger.ghosts)}"),
            ("5xx but 503", f"{self.server_errors()}"),
            ("other odd answers", f"{len(self.ledger.odd) - self.server_errors()}"),
            ("healed by hand", f"{len(self.ledger.by_hand)}"),
            ("dead letters", f"{len(self.ledger.poison)}, {self.dead_twice} of them twice"),
            ("recovery", _quantiles(recoveries)),
            ("memory, MB", ", ".join(f"{a} {self.before[a]} to {self.after[a]}" for a in APPS)),
        )
        yield ""
        yield from self._answers()
        yield ""
        yield from self._by_kind()

    def _answers(self) -> Iterator[str]:
        yield "| request | answers |"
        yield "|---|---|"
        by_name: defaultdict[str, list[str]] = defaultdict(list)
        for name, count in sorted(self.ledger.statuses.items()):
            request, _, status = name.partition(" ")
            by_name[request].append(f"{status}: {count:,}")
        for request, answers in by_name.items():
            yield f"| {request} | {', '.join(answers)} |"

    def _by_kind(self) -> Iterator[str]:
        yield "| fault | times | recovery, s | requests refused |"
        yield "|---|---|---|---|"
        by_kind: defaultdict[str, list[Healed]] = defaultdict(list)
        for one in self.healed:
            by_kind[one.kind].append(one)
        for kind, them in sorted(by_kind.items()):
            took = ", ".join(f"{one.seconds:.1f}" for one in them)
            refused = sum(one.refused for one in them)
            yield f"| {kind} | {len(them)} | {took} | {refused} |"


def _table(*rows: tuple[str, str]) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in rows)


def _quantiles(seconds: Iterable[float]) -> str:
    ranked = sorted(seconds)
    if not ranked:
        return "-"
    p50, p95 = (ranked[math.ceil(len(ranked) * share) - 1] for share in (0.5, 0.95))
    return f"p50 {p50:.1f} s, p95 {p95:.1f} s, max {ranked[-1]:.1f} s"


def memory(stack: Control) -> Memory:
    """What the apps, with their children, have in memory; in MB."""
    pids = {name: [stack.pid(name)] for name in APPS}
    return {
        name: sum(_resident(each) for pid in own for each in [pid, *children(pid)])
        for name, own in pids.items()
    }


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0
