"""What a chaos run has to tell."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dev.control import APPS
from tests.faults.chaos_check import Findings
from tests.faults.chaos_resources import Life
from tests.faults.chaos_world import Ledger


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
    before: dict[str, int] = field(default_factory=dict)
    """MB by program."""
    after: dict[str, int] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)

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
            *ledger.late,
            *ledger.by_hand,
            *self.failures,
            *(f"grows: {life}" for life in self.lives if not life.is_bounded),
        ]

    def lines(self) -> Iterator[str]:
        posts = self.ledger.posts
        kinds = len({one.kind for one in self.healed})
        recoveries = [one.seconds for one in self.healed]
        load = " ".join(f"{minutes:.1f}" for minutes in os.getloadavg())
        yield from _table(
            ("seed", f"{self.seed}"),
            ("faults", f"{len(recoveries)} of {kinds} kinds in {self.seconds:.0f} s"),
            ("load of the machine", f"{load}, in the last 1, 5 and 15 minutes"),
            ("posts", f"{len(posts):,}, {sum(map(bool, posts.values())):,} answered with 201"),
            ("deliveries", f"{self.deliveries:,}, and {self.ledger.injected:,} by faults"),
            ("feeds compared", f"{self.feeds_checked:,}; {self.found.ready:,} ready in Redis"),
            ("lost", f"{len(self.found.lost)}"),
            ("duplicated", f"{len(self.found.doubled)}"),
            ("misordered", f"{len(self.found.misordered + self.ledger.misordered)}"),
            ("ghosts", f"{len(self.found.ghosts + self.ledger.ghosts)}"),
            ("late", f"{len(self.ledger.late)}; {len(self.ledger.seen)} timed"),
            ("slow, soon after a fault", "; ".join(self.ledger.slow) or "0"),
            ("in the feeds after", _quantiles(self.ledger.seen)),
            ("5xx but 503", f"{self.server_errors()}"),
            ("other odd answers", f"{len(self.ledger.odd) - self.server_errors()}"),
            ("healed by hand", f"{len(self.ledger.by_hand)}"),
            ("dead letters", f"{len(self.ledger.poison)}, {self.dead_twice} of them twice"),
            ("recovery", _quantiles(recoveries)),
            ("memory, MB", ", ".join(f"{a} {self.before[a]} to {self.after[a]}" for a in APPS)),
            *(("lived long", str(life)) for life in self.lives),
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


def _quantiles(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    p50, p95 = quantile(seconds, 0.5), quantile(seconds, 0.95)
    return f"p50 {p50:.2f} s, p95 {p95:.2f} s, max {max(seconds):.2f} s"


def quantile(values: list[float], share: float) -> float:
    """By nearest rank."""
    return sorted(values)[math.ceil(len(values) * share) - 1]
