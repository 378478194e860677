"""Bytes of what there is one of for each delivery, post and follow, in each store."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean

from django.conf import settings
from django.db import connection
from redis.client import Redis

from accounts.models import User
from dev.control import Control
from feeds.store import key
from follows.models import Follow
from posts.models import Post
from tests.bench.api import Api
from tests.bench.fanout import FOLLOWERS, PIPELINE, post_and_wait, push_bare
from tests.bench.people import make_author, token
from tests.deadline import wait_until
from tests.topics import ACTIVITY, FEED, Topics

FIRST_LONG_ID = 9_000_000_000
"""As long as ids are after some years."""
BIG_POSTS, SMALL_POSTS, SMALL_FOLLOWERS = 3, 200, 100
TEXT = "한강을 따라 달렸다 🏃 "
ROWS = 100_000
FEEDS = 2_000
LISTPACK = "zset-max-listpack-entries"


def run(redis: Redis, author: User, followers: list[int]) -> list[str]:
    return [
        *_on_kafka(redis, author),
        *_in_mysql(followers),
        *_in_redis(redis, followers[:FEEDS]),
    ]


def _on_kafka(redis: Redis, author: User) -> Iterator[str]:
    api, topics = Api(token(author)), Topics(settings.KAFKA_BOOTSTRAP_SERVERS[0])
    with _per_record(topics) as big:
        for _ in range(BIG_POSTS):
            post_and_wait(redis, api)
    friend, friends = make_author("friend", SMALL_FOLLOWERS)
    _fill(redis, friends, 1)
    with _per_record(topics) as small:
        _post_inline(topics, Api(token(friend)))
    yield "    bytes a record on one broker's disk:"
    for name, found in ((FOLLOWERS, big), (SMALL_FOLLOWERS, small)):
        yield f"        {', '.join(found)}, of posts to {name:,}"


def _post_inline(topics: Topics, api: Api) -> None:
    """Returns when all records are on Kafka."""

    def records() -> int:
        return sum(topics.ends(FEED).values())

    wanted = records() + SMALL_POSTS * SMALL_FOLLOWERS
    for number in range(SMALL_POSTS):
        api.post("/api/v1/posts/", {"content": f"{TEXT} {number} {random.getrandbits(256):x}"})
    wait_until(lambda: records() >= wanted, 60, f"{wanted} records", records)


@contextmanager
def _per_record(topics: Topics) -> Iterator[list[str]]:
    """Fills in what was written in the block, by kind of topic."""
    kinds = {"feed": FEED, "activity": ACTIVITY}
    before = {kind: _written(topics, names) for kind, names in kinds.items()}
    found: list[str] = []
    yield found
    for kind, names in kinds.items():
        size, records = (
            after - was for after, was in zip(_written(topics, names), before[kind], strict=True)
        )
        found.append(f"{kind} {size / records:.0f}")


def _written(topics: Topics, names: str) -> tuple[int, int]:
    """Bytes and records of the topics with such names."""
    folder = Control.attach().state / "kafka"
    logs = [log for log in folder.glob("*/*.log") if re.fullmatch(rf"{names}-\d+", log.parent.name)]
    return sum(log.stat().st_size for log in logs), sum(topics.ends(names).values())


def _in_mysql(users: list[int]) -> Iterator[str]:
    """With as many rows, in random order of users, that pages are as full as they become."""
    dice = random.Random(1)  # noqa: S311
    Post.objects.bulk_create(
        [Post(user_id=dice.choice(users), content=TEXT * 5) for _ in range(ROWS)], batch_size=2_000
    )
    edges = {(dice.choice(users), dice.choice(users)) for _ in range(ROWS)}
    Follow.objects.bulk_create(
        [Follow(follower_id=one, followee_id=other) for one, other in edges if one != other],
        batch_size=2_000,
        ignore_conflicts=True,
    )
    text = len((TEXT * 5).encode())
    yield f"    bytes a row in MySQL, with indexes; a post's text has {text}:"
    yield "        " + ", ".join(_row_size(table) for table in ("users", "posts", "follows"))


def _row_size(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {table}")
        cursor.fetchall()
        cursor.execute(
            "SELECT data_length + index_length FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name = %s",
            [table],
        )
        size = cursor.fetchone()[0]
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608
        return f"{table} {size / cursor.fetchone()[0]:.0f}"


def _in_redis(redis: Redis, followers: list[int]) -> Iterator[str]:
    yield "    bytes a feed in Redis, and pushes/s of the bare script:"
    default = str(redis.config_get(LISTPACK)[LISTPACK])
    for entries in (100, settings.FEED_MAX_LENGTH):
        yield f"        {entries} entries: {_feeds(redis, followers, entries)}"
    redis.config_set(LISTPACK, 2 * settings.FEED_MAX_LENGTH)
    yield f"        the same, as a listpack: {_feeds(redis, followers, settings.FEED_MAX_LENGTH)}"
    redis.config_set(LISTPACK, default)


def _feeds(redis: Redis, followers: list[int], entries: int) -> str:
    _fill(redis, followers, entries)
    sizes = mean(redis.memory_usage(key(one), samples=0) or 0 for one in followers[::100])
    seconds = push_bare(redis, followers, FIRST_LONG_ID + 2 * entries)
    return (
        f"{sizes:,.0f} ({sizes / entries:.0f} an entry), {len(followers) / seconds:,.0f} pushes/s"
    )


def _fill(redis: Redis, followers: list[int], entries: int) -> None:
    """Ready feeds of so many posts."""
    ids = range(FIRST_LONG_ID, FIRST_LONG_ID + entries)
    with redis.pipeline(transaction=False) as pipeline:
        for n, follower in enumerate(followers):
            pipeline.delete(key(follower))
            pipeline.zadd(key(follower), {"~": 0} | {str(id_): id_ for id_ in ids})
            if n % PIPELINE == PIPELINE - 1:
                pipeline.execute()
        pipeline.execute()
