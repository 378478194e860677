"""The feeds in Redis, and the one file that talks to it about them.

`feed:{user_id}` is a sorted set of post ids, member = score, plus the sentinel `~` in the same
key, because two keys can be evicted apart. The score of `~` tells the state:

- negative: being built, by the builder whose token is the score's absolute value;
- zero or positive: ready, and the score is the floor: nothing is claimed of ids at or below it.

No key, no sentinel, or a value that we have not written: cold. Every operation is idempotent and
none depends on the order of the others. docs/design/feed-store.md tells why no post is lost between
a rebuild and a push.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from newsfeed.exceptions import Unavailable
from newsfeed.redis import client
from newsfeed.redis.client import Client, Command, Script

BUILD_MS = 10_000
"""A builder that has not finished by then is taken for dead, and another may begin."""
SLACK = 16
"""A feed may outgrow its cap by a sixteenth before a push trims it."""
PLACES = 50_000
"""In feeds, that one round trip of a worker may fill or empty."""
GONE = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, NoPermissionError)
RESHAPED = (AskError, ClusterDownError, TryAgainError)
"""A cluster whose slots moved for longer than there was time, or are not all served."""
REFUSALS = ("BUSY", "MISCONF", "NOREPLICAS")
"""What Redis answers, and redis-py has no class for, when it does not serve for now."""


def max_length() -> int:
    """The most ids that a feed holds between two pushes."""
    return settings.FEED_MAX_LENGTH + settings.FEED_MAX_LENGTH // SLACK


class StoreUnavailable(Unavailable):
    """Redis did not answer in time, or cannot write now."""

    server = "Redis"


class FeedPage(NamedTuple):
    ids: list[int]
    """Newest first."""
    floor: int
    """The feed may be incomplete at or below this id."""


class StoredFeed(NamedTuple):
    """All that Redis holds of a feed that is not cold."""

    floor: int
    """Negative while it is being built: see above."""
    scores: dict[str, float]
    """By member, without the sentinel."""

    @property
    def is_ready(self) -> bool:
        return self.floor >= 0


PUSH, BEGIN, FINISH, READ = (
    Script(Path(__file__).parent / "lua" / f"{name}.lua")
    for name in ("push", "begin", "finish", "read")
)


SENTINEL = "~"


def key(user_id: int) -> str:
    return f"feed:{user_id}"


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (*GONE, *RESHAPED) as error:
        raise StoreUnavailable(repr(error)) from error
    except ResponseError as error:
        if any(refusal in str(error) for refusal in REFUSALS):
            raise StoreUnavailable(repr(error)) from error
        raise


class FeedStore:
    """Every method raises StoreUnavailable."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    def push(self, posts: Mapping[int, Sequence[int]]) -> int:
        """Adds post ids to the feeds of users: {user id: [post id, ...]}. Cold feeds stay cold.

        Returns how many of the ids were for feeds that are not cold.
        """
        cap = settings.FEED_MAX_LENGTH
        commands: Iterable[Command] = (
            ("EVALSHA", PUSH.sha, 1, key(user_id), cap, cap // SLACK, *ids)
            for user_id, ids in posts.items()
        )
        replies = self._ask(commands, durable=True)
        return sum(len(ids) for ids, warm in zip(posts.values(), replies, strict=True) if warm)

    def remove(self, user_ids: Iterable[int], post_ids: Sequence[int]) -> None:
        """For posts that no read may show again. Who unfollows invalidates instead."""
        self._ask(("ZREM", key(user_id), *post_ids) for user_id in user_ids)

    def begin(self, user_id: int, token: int) -> bool:
        """Whether the feed was cold and now is this builder's. Take the snapshot after it."""
        return bool(self._run(BEGIN, user_id, token, BUILD_MS))

    def finish(self, user_id: int, token: int, snapshot: FeedPage) -> bool:
        """Whether the feed is ready; False when this builder's token is gone."""
        cap, ttl = settings.FEED_MAX_LENGTH, settings.FEED_TTL_SECONDS
        return bool(self._run(FINISH, user_id, token, snapshot.floor, cap, ttl, *snapshot.ids))

    def read(self, user_id: int, *, before: int, limit: int) -> FeedPage | None:
        """The newest ids below `before`, or None when the feed is not ready."""
        reply = self._run(READ, user_id, before, limit, settings.FEED_TTL_SECONDS)
        if not reply:
            return None
        try:
            floor, *ids = map(int, reply)
        except ValueError:  # not written by us
            self.invalidate([user_id])
            return None
        return FeedPage(ids, floor)

    def peek(self, user_ids: Iterable[int]) -> dict[int, StoredFeed]:
        """Feeds that are not cold, as they are. Unlike a read, it does not keep an idle one."""
        users = list(user_ids)
        replies = self._ask(("ZRANGE", key(user_id), 0, -1, "WITHSCORES") for user_id in users)
        found = {user_id: _scores(reply) for user_id, reply in zip(users, replies, strict=True)}
        return {
            user_id: StoredFeed(int(scores.pop(SENTINEL)), scores)
            for user_id, scores in found.items()
            if isfinite(scores.get(SENTINEL, nan))
        }

    def draw(self, count: int) -> set[int]:
        """The users of as many feeds drawn at random: fewer, when one is drawn twice."""
        keys = self._ask([("RANDOMKEY",)] * count)
        found = (re.fullmatch(rb"feed:(\d+)", name or b"") for name in keys)
        return {int(match[1]) for match in found if match}

    def invalidate(self, user_ids: Iterable[int]) -> None:
        """Makes feeds cold. What is being built for them will not be finished."""
        self._ask((("DEL", key(user_id)) for user_id in user_ids), durable=True)

    def ping(self) -> None:
        with _unavailable():
            self._redis.ping()

    def _run(self, script: Script, user_id: int, *arguments: int) -> Any:
        (reply,) = self._ask([("EVALSHA", script.sha, 1, key(user_id), *arguments)])
        return reply

    def _ask(self, commands: Iterable[Command], *, durable: bool = False) -> list[Any]:
        with _unavailable():
            return self._redis.send(commands, durable=durable)


def _scores(reply: list[Any]) -> dict[str, float]:
    """Of ZRANGE. RESP2 and RESP3 differ in how they pair members with scores."""
    is_flat = bool(reply) and not isinstance(reply[0], list)
    pairs = zip(reply[::2], reply[1::2], strict=True) if is_flat else reply
    return {member.decode(errors="replace"): float(score) for member, score in pairs}


requests = FeedStore(client.requests)
workers = FeedStore(client.workers)
