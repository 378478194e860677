"""What somebody else has written to our keys in Redis is as good as none."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Redis
from feeds import store
from feeds.store import FeedPage
from feeds.tests.conftest import edges, make_ready, write_posts

FEED = "/api/v1/feed/"
# Each key of a request for the feed, and its type in the end. None: nobody writes it here.
KEYS = {
    "session:*": b"string",
    "auth:blacklist:*": None,
    "rate_limit:*": b"list",
    "feed:*": b"zset",
}
FILL: dict[str, Callable[[Any, bytes], object]] = {
    "a string": lambda redis, key: redis.set(key, "x"),
    "an empty string": lambda redis, key: redis.set(key, ""),
    "no UTF-8": lambda redis, key: redis.set(key, b'{"id":1,"username":"\xff"}'),
    "another JSON": lambda redis, key: redis.set(key, '["id"]'),
    "half a session": lambda redis, key: redis.set(key, '{"id":1}'),
    "a session of wrong types": lambda redis, key: redis.set(
        key, '{"id":"1","username":1,"display_name":null}'
    ),
    "a deep session": lambda redis, key: redis.set(key, '{"id":1,"x":' + "[" * 100_000),
    "a set": lambda redis, key: redis.sadd(key, "x"),
    "a hash": lambda redis, key: redis.hset(key, "x", "y"),
    "a list of words": lambda redis, key: redis.rpush(key, "x", "y"),
    "a list of no numbers": lambda redis, key: redis.rpush(key, "nan", "inf", "nan"),
    "a sorted set of words": lambda redis, key: redis.zadd(key, {"x": 1, "y": 2}),
    "a feed of words": lambda redis, key: redis.zadd(key, {"~": 0, "x": 1, "y": 2}),
    "a feed that is half ready": lambda redis, key: redis.zadd(key, {"~": 0.5, "7": 7}),
    "an endless feed": lambda redis, key: redis.zadd(key, {"~": float("inf"), "7": 7}),
}


@pytest.mark.parametrize("pattern", KEYS)
def test_what_others_wrote_is_as_good_as_none(
    as_alice: APIClient, alice: User, bob: User, redis: Redis, pattern: str
) -> None:
    edges(bob, [alice])
    newest = write_posts(bob, 3)
    assert _ids(as_alice) == newest
    key = _key(redis, pattern)
    for name, fill in FILL.items():
        redis.delete(key)
        fill(redis, key)
        assert [_ids(as_alice) for _ in range(3)] == [newest] * 3, name
        assert redis.type(key) == (KEYS[pattern] or redis.type(key)), name
        assert store.workers.read(alice.pk, before=10**9, limit=9) == (newest, 0), name


def _ids(client: APIClient) -> list[int]:
    response = client.get(FEED)
    assert response.status_code == 200
    assert "RateLimit-Remaining" in response.headers
    return [post["id"] for post in response.json()["results"]]


def _key(redis: Any, pattern: str) -> bytes:
    """The one of that kind that Alice's requests ask for."""
    if pattern.startswith("auth"):
        (session,) = redis.keys("session:*")
        return bytes(session.replace(b"session", b"auth:blacklist"))
    (key,) = redis.keys(pattern)
    return bytes(key)


@pytest.mark.parametrize("fill", FILL.values(), ids=FILL)
def test_no_feed_that_others_wrote_stops_a_worker(
    redis: Any, fill: Callable[[Redis, bytes], object], settings: Settings
) -> None:
    settings.FEED_MAX_LENGTH = 2
    fill(redis, b"feed:1")
    make_ready(2)
    store.workers.push({1: [100, 101], 2: [100, 101]})
    store.workers.remove([1, 2], [100])
    assert store.workers.peek([1, 2])[2].scores == {"101": 101}
    redis.delete("feed:1")
    assert store.workers.begin(1, 5)
    redis.zadd("feed:1", {"x": 1})
    assert not store.workers.finish(1, 5, FeedPage([3, 2], 0))
    assert store.workers.begin(1, 6)
    assert store.workers.finish(1, 6, FeedPage([3, 2], 0))
