"""People who post, delete, follow, unfollow and read while things break."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPException
from threading import Lock
from traceback import format_exc
from typing import Any

from tests.client import Answer
from tests.faults.chaos_world import Ledger, World
from tests.running import Service
from tests.threads import Threads

BIG_EVERY = 12
DELETE_EVERY = 8
TRIES = 20
LIMITS = (20, 50, 100)


class Load(Threads):
    """At work inside `with load:`, and at rest inside `with load.paused():`."""

    def __init__(self, service: Service, world: World, ledger: Ledger, seed: int) -> None:
        self._service, self._world, self._ledger = service, world, ledger
        steps: list[tuple[Callable[[random.Random], None], float]] = [
            *[(self._write, 0.15)] * 2,
            *[(self._read, 0.05)] * 3,
            (self._change_mind, 0.3),
        ]
        self._locks = [Lock() for _ in steps]
        super().__init__(
            partial(self._run, step, pause, lock, random.Random(f"{seed} {n}"))  # noqa: S311
            for n, ((step, pause), lock) in enumerate(zip(steps, self._locks, strict=True))
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nobody waits for an answer in the block."""
        with ExitStack() as held:
            for lock in self._locks:
                held.enter_context(lock)
            yield

    def _run(
        self, step: Callable[[random.Random], None], pause: float, lock: Lock, dice: random.Random
    ) -> None:
        while not self.over.wait(pause):
            with lock:
                try:
                    step(dice)
                except Exception:  # a bug of ours must not look like a quiet service
                    self._ledger.odd.append(format_exc())

    def _write(self, dice: random.Random) -> None:
        is_big = dice.randrange(BIG_EVERY) == 0
        self.post(dice.choice(self._world.big if is_big else self._world.small), dice)

    def post(self, author: int, dice: random.Random) -> None:
        """Half of those who get no answer ask again, under the same Idempotency-Key."""
        content = f"{dice.getrandbits(64):x}"
        tries = dice.choice((1, TRIES))
        while not (post_id := self.try_to_post(author, content)) and (tries := tries - 1):
            time.sleep(0.5)
        if post_id and dice.randrange(DELETE_EVERY) == 0:
            time.sleep(dice.random())  # so that some are delivered before, and some are not
            if self._call("delete", 204, author, "DELETE", f"/posts/{post_id}/"):
                self._ledger.gone[post_id] = time.monotonic()

    def try_to_post(self, author: int, content: str) -> int | None:
        """The post's id, if it is answered."""
        self._ledger.posts.setdefault(content)
        body = {"content": content}
        answer = self._call("post", 201, author, "POST", "/posts/", body, key=content)
        if answer:
            self._ledger.posts[content] = int(answer.body["id"])
        return self._ledger.posts[content]

    def _change_mind(self, dice: random.Random) -> None:
        edge = reader, author = dice.choice(self._world.fickle)
        path, left = f"/users/{author}/follow/", self._ledger.left
        if left.pop(edge, None):
            done = self._call("follow", 201, reader, "POST", path)
        elif done := self._call("unfollow", 204, reader, "DELETE", path):
            left[edge] = time.monotonic()
        if not done:  # nobody knows when, if ever, it is done: it is left alone
            self._world.fickle.remove(edge)

    def _read(self, dice: random.Random) -> None:
        readers = self._world.hot if dice.random() < 0.7 else self._world.readers
        reader = dice.choice(readers)
        left = {edge: at for edge, at in self._ledger.left.items() if edge[0] == reader}
        began = time.monotonic()
        path, shown = f"/feed/?limit={dice.choice(LIMITS)}", list[dict[str, Any]]()
        while path and (answer := self._call("read", 200, reader, "GET", path)):
            shown += answer.body["results"]
            path = answer.body["next"] if dice.random() < 0.3 else ""
        self._judge(reader, shown, began, left)

    def _judge(
        self,
        reader: int,
        shown: list[dict[str, Any]],
        began: float,
        left: dict[tuple[int, int], float],
    ) -> None:
        ids = [post["id"] for post in shown]
        if ids != sorted(set(ids), reverse=True):
            self._ledger.misordered.append(f"{reader} was shown {ids}")
        for post in shown:
            if self._ledger.gone.get(post["id"], began) < began:
                self._ledger.ghosts.append(f"{reader} was shown {post['id']}, which is deleted")
            edge = (reader, post["author"]["id"])
            # The same stamp still: it was not followed again while we read.
            if edge in left and self._ledger.left.get(edge) == left[edge]:
                self._ledger.ghosts.append(f"{reader} was shown {post['id']}, but left {edge[1]}")

    def _call(
        self,
        name: str,
        wanted: int,
        user: int,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
    ) -> Answer | None:
        """None for anything but the wanted status. Faults explain 503 and no answer at all."""
        try:
            answer = self._service.person(user).call(method, path, body, key)
        except (OSError, HTTPException):
            self._ledger.count(name, "no answer")
            return None
        except ValueError as error:
            self._ledger.odd.append(f"{method} {path}: no JSON: {error}")
            return None
        self._ledger.count(name, answer.status)
        if answer.status == wanted:
            return answer
        still_running = answer.status == 409 and key
        if answer.status != 503 and not still_running:
            self._ledger.odd.append(f"{time.strftime('%H:%M:%S')} {method} {path}: {answer}")
        return None
