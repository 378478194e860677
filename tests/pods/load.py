"""People who post, follow and read without a pause, and write down whatever goes wrong."""

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count
from typing import Any

from tests.pods.clients import Client
from tests.running import Service
from tests.threads import Threads

PAUSE = 0.1
SMALL, BIG = 10, 220
"""Followers: the request publishes to the few, the relay to the many."""
BIG_PAUSE = 0.5
GIVEN_UP_SECONDS = 60

Step = Callable[[Client, int], None]


@dataclass
class Ledger:
    failed: list[str] = field(default_factory=list)
    """Requests that were not answered as they should be."""
    answered: int = 0
    posts: dict[str, int] = field(default_factory=dict)
    """The id that was answered, by content."""
    delays: list[float] = field(default_factory=list)
    """Seconds from a post's answer until it was in all its followers' feeds."""


class Load(Threads):
    """On connections that are kept and on new ones, through one port."""

    def __init__(self, service: Service, port: int) -> None:
        self._service, self._port = service, port
        self.ledger = Ledger()
        users = service.database.add_users(BIG + 4)
        self.readers, (small, big, self._fickle, other) = users[:BIG], users[BIG:]
        self.followers = {small: self.readers[:SMALL], big: self.readers}
        edges = [(r, one) for one, readers in self.followers.items() for r in readers]
        service.database.add_follows([*edges, (self._fickle, other)])
        self._other = other
        service.warm(self.readers)
        clients: list[tuple[int, Step, float]] = [
            *[(small, self._post(f"small {n}"), PAUSE) for n in range(3)],
            (big, self._post("big"), BIG_PAUSE),
            (small, self._time(small), PAUSE),
            (big, self._time(big), BIG_PAUSE),
            *[(reader, self._read, PAUSE) for reader in self.readers[:4]],
            (self._fickle, self._change_mind, PAUSE),
        ]
        super().__init__(
            partial(self._run, *client, n % 2 == 0) for n, client in enumerate(clients)
        )

    def _run(self, user: int, step: Step, pause: float, keeps: bool) -> None:  # noqa: FBT001
        with closing(Client(self._port, self._service.token(user), keeps=keeps)) as client:
            for number in count():
                if self.over.wait(pause * random.uniform(0.5, 1.5)):  # noqa: S311
                    return
                step(client, number)

    def _post(self, name: str) -> Step:
        def step(client: Client, number: int) -> None:
            self._posts(client, f"{name} {number}")

        return step

    def _time(self, author: int) -> Step:
        def step(client: Client, number: int) -> None:
            if post_id := self._posts(client, f"timed {author} {number}"):
                readers = self.followers[author]
                seconds = self._service.wait_for_delivery(post_id, readers, GIVEN_UP_SECONDS)
                self.ledger.delays.append(seconds)

        return step

    def _posts(self, client: Client, content: str) -> int | None:
        body = self._call(client, 201, "POST", "/posts/", {"content": content})
        if body is None:
            return None
        self.ledger.posts[content] = body["id"]
        return int(body["id"])

    def _read(self, client: Client, _: int) -> None:
        page = self._call(client, 200, "GET", "/feed/?limit=20")
        ids = [post["id"] for post in page["results"]] if page else []
        if ids != sorted(set(ids), reverse=True):
            self.ledger.failed.append(f"a feed shows {ids}")

    def _change_mind(self, client: Client, number: int) -> None:
        method, wanted = ("POST", 201) if number % 2 else ("DELETE", 204)
        self._call(client, wanted, method, f"/users/{self._other}/follow/")

    def _call(
        self, client: Client, wanted: int, method: str, path: str, body: object = None
    ) -> Any:
        """What was answered, or None for anything but the wanted status."""
        began = time.monotonic()
        try:
            answer = client.call(method, path, body)
        except (OSError, HTTPException) as error:
            what: object = repr(error)
        else:
            self.ledger.answered += 1
            if answer.status == wanted:
                return answer.body
            what = answer
        self.ledger.failed.append(f"{method} {path} after {time.monotonic() - began:.2f} s: {what}")
        return None
