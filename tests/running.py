"""The running service, with everything a test may look at from outside."""

import os
import time
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import cast
from uuid import uuid4

import jwt
import redis
from kafka.errors import RetriableError
from prometheus_client.parser import text_string_to_metric_families

from accounts.keys import derive
from dev.control import Control
from tests.client import Person
from tests.database import Database
from tests.deadline import wait_until
from tests.topics import DEAD_LETTERS, Topics

# Of the service that the stack runs: FEED_MAX_LENGTH. The posts of a feed that Redis keeps.
CAP = 800


class Service:
    """Made of the API, the consumer and the relay that the stack's supervisor runs."""

    def __init__(self, stack: Control) -> None:
        self.stack = stack
        self.url = f"http://127.0.0.1:{stack.ports.api}"
        self.database = Database(stack.database_url)
        self.topics = Topics(stack.env["KAFKA_BOOTSTRAP_SERVERS"])
        self.redis = redis.Redis.from_url(stack.env["REDIS_URL"])

    def person(self, user_id: int) -> Person:
        """A user from a bulk load. Logging in costs a third of a second each, on purpose."""
        return Person(self.url, user_id, self.token(user_id))

    def token(self, user_id: int) -> str:
        """As the service would issue it. It does not know of it, and takes it all the same."""
        kid, seed = self._signing_key
        claims = {"token_type": "access", "user_id": str(user_id), "epoch": 0}
        claims |= {"jti": uuid4().hex, "fam": uuid4().hex, "exp": int(time.time()) + 1800}
        return jwt.encode(claims, derive(seed), "HS256", headers={"kid": kid})

    @cached_property
    def _signing_key(self) -> tuple[str, bytes]:
        return self.database.signing_key()

    def add_author(self, followers: int) -> tuple[Person, list[int]]:
        """A new author, and the ids of as many new followers."""
        author, *follower_ids = self.database.add_users(followers + 1)
        self.database.add_follows((follower, author) for follower in follower_ids)
        return self.person(author), follower_ids

    def warm(self, user_ids: list[int]) -> None:
        """Makes these feeds ready in Redis where they are not, while their authors are silent.

        The command that does it takes 5 ms a feed. feeds/store.py tells what a feed consists of.
        """
        with self.redis.pipeline(transaction=False) as pipeline:
            for user_id in user_ids:
                pipeline.exists(_feed(user_id))
            found = zip(user_ids, pipeline.execute(), strict=True)
            cold = [user_id for user_id, is_there in found if not is_there]
            for user_id, ids in self.database.feeds_of(cold).items():
                newest, floor = ids[:CAP], ids[CAP : CAP + 1] or [0]
                pipeline.zadd(_feed(user_id), {"~": floor[0]} | {str(id_): id_ for id_ in newest})
                pipeline.expire(_feed(user_id), 3600)
            pipeline.execute()

    def rebuild(self, user_ids: list[int]) -> None:
        """Makes the feeds of these and of all later users ready, also while posts come."""
        self.stack.manage("rebuild_feeds", "--all", "--after", str(min(user_ids) - 1))

    def feeds_holding(self, user_ids: Iterable[int], post_id: int) -> int:
        """How many feeds in Redis hold the post. Fails for a feed that holds it twice."""
        with self.redis.pipeline(transaction=False) as pipeline:
            for user_id in user_ids:
                pipeline.zcount(_feed(user_id), post_id, post_id)
            counts = cast("list[int]", pipeline.execute())
        assert max(counts) <= 1
        return sum(counts)

    def holds_everywhere(self, user_ids: list[int], post_id: int) -> bool:
        return self.feeds_holding(user_ids, post_id) == len(user_ids)

    def ready_feeds_without(self, post_id: int, user_ids: list[int]) -> list[int]:
        """Whose feeds in Redis claim to be complete where the post belongs, and lack it."""
        with self.redis.pipeline(transaction=False) as pipeline:
            for user_id in user_ids:
                pipeline.zmscore(_feed(user_id), ["~", str(post_id)])
            scores = pipeline.execute()
        return [
            user_id
            for user_id, (floor, score) in zip(user_ids, scores, strict=True)
            if floor is not None and 0 <= floor < post_id and score is None
        ]

    def wait_for_delivery(self, post_id: int, user_ids: list[int], seconds: float) -> float:
        """Seconds until no ready feed of these lacks the post."""

        def lacking() -> list[int]:
            return self.ready_feeds_without(post_id, user_ids)

        return wait_until(lambda: not lacking(), seconds, f"{post_id} is in every feed", lacking)

    def unfinished(self) -> str:
        """What waits in the outbox or behind it; empty at rest.

        The outbox is asked first: what leaves it adds to the lag.
        """
        if waiting := self.database.outbox_length():
            return f"{waiting} outbox rows"
        try:
            lags = self.topics.lag()
        except RetriableError as error:
            return repr(error)
        return ", ".join(f"{topic}: lag {lag}" for topic, lag in lags.items())

    def wait_for_rest(self, seconds: float = 60) -> float:
        return wait_until(lambda: not self.unfinished(), seconds, "rest", self.unfinished)

    def dead_letters(self) -> int:
        return sum(self.topics.ends(DEAD_LETTERS).values())

    def metric(self, port: int, name: str) -> float:
        """The sum of a metric's samples, as the program at this port tells it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return sum(s.value for family in families for s in family.samples if s.name == name)

    def cpu_seconds(self, program: str) -> float:
        """What the program and its children have used so far."""
        pid = self.stack.pid(program)
        used = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has just ended
                # The name, in parentheses, may hold anything. Fields: proc_pid_stat(5).
                _, _, rest = path.read_text().rpartition(")")
                fields = rest.split()
                if pid in (int(path.parent.name), int(fields[1])):
                    used += int(fields[11]) + int(fields[12])
        return used / os.sysconf("SC_CLK_TCK")

    def peak_memory(self, program: str) -> int:
        """The most that the program ever had in memory, in MB."""
        status = Path(f"/proc/{self.stack.pid(program)}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields["VmHWM"].split()[0]) // 1024


def _feed(user_id: int) -> str:
    return f"feed:{user_id}"
