"""Who takes part in a chaos run, and what they remember of it."""

import random
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from tests.running import Service

READERS = 1_600
HOT = 200
"""So many readers read most of the time: soon after Redis was emptied their feeds are warm."""
BIG_AUTHORS, BIG = 3, 1_500
SMALL_AUTHORS, SMALL = 24, 10


class World:
    """Authors whose posts the relay publishes, and authors whose posts the API does."""

    def __init__(self, service: Service, dice: random.Random) -> None:
        users = service.database.add_users(READERS + BIG_AUTHORS + SMALL_AUTHORS + 1)
        self.readers = users[:READERS]
        self.hot = self.readers[:HOT]
        self.big = users[READERS : READERS + BIG_AUTHORS]
        self.small = users[READERS + BIG_AUTHORS : -1]
        self.steady = users[-1]
        """Has as few followers as the small, but nobody leaves."""
        self.followers = {one: dice.sample(self.readers, BIG) for one in self.big}
        """Of those whom nobody leaves."""
        self.followers[self.steady] = dice.sample(self.hot, SMALL)
        lasting = [(r, one) for one, readers in self.followers.items() for r in readers]
        self.fickle = [(r, one) for one in self.small for r in dice.sample(self.hot, SMALL)]
        """The edges (reader, author) that come and go; each is followed at first."""
        service.database.add_follows(lasting + self.fickle)


@dataclass
class Ledger:
    """What was asked of the service and what it answered."""

    posts: dict[str, int | None] = field(default_factory=dict)
    """Content to id; None for a POST that was not answered with 201."""
    gone: dict[int, float] = field(default_factory=dict)
    """When the deletion of a post was answered."""
    left: dict[tuple[int, int], float] = field(default_factory=dict)
    """When an unfollow was answered, until the author is followed again."""
    statuses: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    """Answers that no fault explains."""
    ghosts: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    poison: set[bytes] = field(default_factory=set)
    by_hand: list[str] = field(default_factory=list)
    """What the service should have healed itself."""
    seen: list[float] = field(default_factory=list)
    """Seconds from an answered POST to all ready feeds it belongs to, while nothing was broken."""
    slow: list[str] = field(default_factory=list)
    """Took more than 2 s, within 10 s of a fault."""
    late: list[str] = field(default_factory=list)
    """The same at other times, or more than 10 s."""
    healed: str = "before any fault"
    healed_at: float = 0
    injected: int = 0
    """Records that a fault wrote to the feed topics."""
    deleted: int = 0
    """Records of feed topics that a fault deleted."""
    _lock: Lock = field(default_factory=Lock)

    def count(self, name: str, status: int | str) -> None:
        with self._lock:
            self.statuses[f"{name} {status}"] += 1

    def refused(self) -> int:
        """How many requests were answered with 503 or not at all."""
        with self._lock:
            counted = list(self.statuses.items())
        return sum(count for name, count in counted if name.endswith((" 503", " no answer")))
