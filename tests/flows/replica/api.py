"""An API with a primary and a replica of its own."""

import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from dev.control import Control
from tests.client import Person
from tests.deadline import wait_until
from tests.gunicorn import Gunicorn
from tests.replicated_mariadb import Pair
from tests.running import Service

T = TypeVar("T")
CAP = 20
"""Ids that it keeps of a feed in Redis."""
TRIES = 6


class Api(Service):
    """One process that has a primary and a replica to itself. Nobody relays or consumes for it."""

    def __init__(self, stack: Control, pair: Pair, gunicorn: Gunicorn) -> None:
        super().__init__(Control(stack.state, stack.ports, stack.secret, pair.primary.url))
        self.pair, self.gunicorn = pair, gunicorn
        self.url = f"http://127.0.0.1:{gunicorn.port}"

    def served(self, source: str) -> int:
        """How many reads by now, by the API's own count."""
        url = f"http://127.0.0.1:{self.gunicorn.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
        wanted = ("feed_db_reads_total", {"source": source})
        return int(sum(s.value for s in samples if (s.name, s.labels) == wanted))

    def people(self, count: int) -> list[Person]:
        return list(map(self.person, self.database.add_users(count)))

    def returns_to_replica(self, person: Person) -> None:
        """The breaker tries again after two seconds."""

        def is_asked() -> bool:
            before = self.served("replica")
            person.done(200, "GET", "/users/me/")
            return self.served("replica") > before

        wait_until(is_asked, 60, "the replica is read again", self.gunicorn.log)

    def undisturbed(self, person: Person, read: Callable[[], T]) -> list[T]:
        """What came of the reads at those tries at which the replica was never late for them."""
        found = []
        for _ in range(TRIES):
            self.returns_to_replica(person)
            before = self.served("primary")
            result = read()
            if self.served("primary") == before:
                found.append(result)
        assert found
        return found


def write_posts(api: Api, author: Person, count: int) -> list[int]:
    """Their ids, newest first. Nothing is published of them."""
    api.database.add_posts((author.id, f"post {n}") for n in range(count))
    rows = api.database.rows("SELECT id FROM posts WHERE user_id = %s ORDER BY id DESC", author.id)
    return [id_ for (id_,) in rows]


def ids_of(answer: dict[str, Any]) -> list[int]:
    return [item["id"] for item in answer["results"]]


def stored_ids(api: Api, person: Person) -> set[int]:
    """The ids that Redis holds of a feed, which must be ready."""
    found: Any = api.redis.zrange(f"feed:{person.id}", 0, -1, withscores=True)
    (floor,) = [score for member, score in found if member == b"~"]
    assert floor >= 0
    return {int(member) for member, _ in found if member != b"~"}
