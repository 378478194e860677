from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from feeds import store
from feeds.store import FeedPage
from follows.models import Follow
from newsfeed.events import groups
from newsfeed.events.groups import Handler, get_group_or_raise
from newsfeed.events.models import DeadLetter
from newsfeed.kafka import topic_admin
from newsfeed.kafka.topics import Topic
from posts.models import Post
from tests.broker import topic_of
from tests.redis_server import Away, RedisServer, redis_away, redis_server

__all__ = ["Away", "RedisServer", "redis_away", "redis_server"]

FEED = "/api/v1/feed/"
TOKEN = 77


def make_ready(user_id: int, ids: Iterable[int] = (), floor: int = 0) -> None:
    """Makes a ready feed of these ids, given newest first."""
    store.workers.invalidate([user_id])
    assert store.workers.begin(user_id, TOKEN)
    assert store.workers.finish(user_id, TOKEN, FeedPage(list(ids), floor))


def read(user_id: int, before: int = 2**63 - 1, limit: int = 1_000) -> FeedPage | None:
    return store.workers.read(user_id, before=before, limit=limit)


def stored_ids(user_id: int) -> list[int]:
    """What a ready feed holds, newest first."""
    page = read(user_id)
    assert page is not None, "the feed is cold, or being built"
    return page.ids


def edges(followee: User, followers: Iterable[User]) -> None:
    """Follows without an event, as if they had always been there."""
    Follow.objects.bulk_create(Follow(follower=one, followee=followee) for one in followers)


def crowd(size: int) -> list[User]:
    """Users who are nobody in particular, by id."""
    names = [f"user_{n}" for n in range(size)]
    User.objects.bulk_create(User(username=name) for name in names)
    return list(User.objects.filter(username__in=names).order_by("pk"))


@pytest.fixture
def followers(alice: User) -> list[User]:
    """Seven, of alice's."""
    users = crowd(7)
    edges(alice, users)
    return users


def write_posts(author: User, count: int) -> list[int]:
    """Posts without an event; their ids, newest first."""
    Post.objects.bulk_create(Post(user=author, content=f"post {n}") for n in range(count))
    ids = Post.objects.filter(user=author).order_by("-pk").values_list("pk", flat=True)
    return list(ids[:count])


def replace_handler(patch: pytest.MonkeyPatch, name: str, handler: Handler) -> None:
    """Of a consumer."""
    group = get_group_or_raise(name)
    patch.setitem(groups._groups, name, group._replace(handler=handler))


def lag(name: str = "feed") -> int:
    """What a consumer has not committed of the topics that it reads."""
    group = get_group_or_raise(name)
    states = topic_admin.topic_states(group.id)
    return sum(state.lag for state in states if topic_of(state.name) in group.topics)


def dead_letter(
    value: bytes, offset: int, topic: Topic = Topic.FEED, group: str = ""
) -> DeadLetter:
    """Of a record that a bug in its handler killed; not kept yet."""
    return DeadLetter(
        topic=topic,
        group=group or {Topic.FEED: "feed", Topic.ACTIVITY: "visibility"}[topic],
        origin_topic=f"{topic}-20260309",
        origin_partition=7,
        origin_offset=offset,
        value=value,
        error="ValueError: a bug",
        attempts=3,
        created_at=datetime(2026, 3, 9, tzinfo=UTC),
    )


def walk(
    client: APIClient, limit: int, before_each: Callable[[], object] = lambda: None
) -> list[list[int]]:
    """All pages of the feed, as ids."""
    pages, path = [], f"{FEED}?limit={limit}"
    while path:
        before_each()
        response = client.get(path)
        assert response.status_code == 200, response.content
        pages.append([post["id"] for post in response.json()["results"]])
        path = response.json()["next"]
    return pages


@pytest.fixture
def follow(alice: User, bob: User) -> None:
    """Bob follows alice."""
    edges(alice, [bob])
