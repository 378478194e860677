"""What a read and the other hot queries cost."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Redis
from feeds import services, store
from feeds.selectors import feed_posts, newest_ids
from feeds.tests.conftest import FEED, crowd, edges, write_posts
from follows.models import Follow
from follows.selectors import followee_ids, follower_ids
from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from posts.models import Post
from posts.selectors import find_visible_post
from tests.time_limits import SetLimits

Explain = Callable[[Callable[[], object]], str]


@pytest.fixture(autouse=True)
def trusting(set_limits: SetLimits) -> None:
    """Once a second a process asks for revoked tokens: on a slow machine it would be counted."""
    set_limits(session_lease=3600)


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was sent to Redis; a pipeline is sent at once."""
    redis = store.requests._redis.connection
    assert isinstance(redis, Redis)
    connection_class = redis.connection_pool.connection_class
    sent: list[object] = []
    send = connection_class.send_packed_command

    def count(self: object, command: object, *args: object, **kwargs: object) -> None:
        sent.append(command)
        send(self, command, *args, **kwargs)

    monkeypatch.setattr(connection_class, "send_packed_command", count)
    return sent


@pytest.mark.parametrize(("followed", "posts"), [(3, 40), (300, 40), (3, 5)])
def test_a_warm_page_costs_two_round_trips_and_one_query(
    as_bob: APIClient, bob: User, round_trips: list[object], followed: int, posts: int
) -> None:
    """Also the page of a feed that ends on it."""
    authors = crowd(followed)
    Follow.objects.bulk_create(Follow(follower=bob, followee=author) for author in authors)
    Post.objects.bulk_create(Post(user=authors[n % followed], content="x") for n in range(posts))
    assert len(as_bob.get(FEED).json()["results"]) == min(posts, 20)  # and now it is warm
    round_trips.clear()
    with CaptureQueriesContext(connection) as queries:
        page = as_bob.get(FEED).json()
    assert len(page["results"]) == min(posts, 20)
    assert len(round_trips) == 2  # the session and the limit, and the ids
    assert len(queries) == 1  # the posts with their authors


def test_a_few_deleted_posts_cost_no_more(
    as_bob: APIClient, alice: User, bob: User, follow: None
) -> None:
    ids = write_posts(alice, 60)
    services.rebuild(bob.pk, store.workers)
    Post.objects.filter(pk__in=ids[:8]).update(deleted_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        page = as_bob.get(FEED).json()
    assert [post["id"] for post in page["results"]] == ids[8:28]
    assert len(queries) <= 3


def test_a_suspended_author_of_many_posts_costs_no_walk(
    as_bob: APIClient, alice: User, bob: User, carol: User, follow: None
) -> None:
    edges(carol, [bob])
    ids = write_posts(alice, 3)
    write_posts(carol, 400)
    services.rebuild(bob.pk, store.workers)
    User.objects.filter(pk=carol.pk).update(is_active=False)
    with CaptureQueriesContext(connection) as queries:
        page = as_bob.get(FEED).json()
    assert [post["id"] for post in page["results"]] == ids
    # The higher the ids, the more windows. To walk over her posts takes three times as many.
    assert len(queries) <= 18


@pytest.fixture
def full_tables(transactional_db: None, alice: User, bob: User) -> None:
    """ANALYZE commits, so this cannot be rolled back.

    Bob follows 1,500 of 2,000 who all follow alice; 6,000 posts, 3,000 events."""
    users = crowd(2_000)
    edges(alice, users)
    Follow.objects.bulk_create(Follow(follower=bob, followee=one) for one in users[:1_500])
    Post.objects.bulk_create(Post(user=users[n * 7 % 2_000], content="x") for n in range(6_000))
    OutboxEvent.objects.bulk_create(
        OutboxEvent(payload={"type": "FOLLOW"}, claimed_until=Now()) for _ in range(3_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE users, follows, posts, events_outboxevent")


HOT_READS: dict[str, Callable[[User, User], object]] = {
    "feed_posts": lambda _, bob: feed_posts(bob.pk, _some_post_ids()),
    "newest_ids": lambda _, bob: newest_ids(followee_ids(bob.pk)[:50], before=2**63 - 1, limit=21),
    "followee_ids": lambda _, bob: followee_ids(bob.pk),
    "follower_ids": lambda alice, _: follower_ids(alice.pk, after=alice.pk + 500, limit=1_000),
    "find_visible_post": lambda *_: find_visible_post(_some_post_ids()[0]),
    "claim": lambda *_: outbox.claim("relay", 20),
}


def _some_post_ids() -> list[int]:
    return list(Post.objects.order_by("-pk").values_list("pk", flat=True)[:31])


def test_hot_queries_run_along_an_index_and_sort_nothing(
    full_tables: None, explain: Explain, alice: User, bob: User
) -> None:
    for name, read in HOT_READS.items():
        plan = explain(partial(read, alice, bob))
        assert plan, name
        for bad in ("filesort", "temporary", "'ALL'"):
            assert bad not in plan, f"{name}: {plan}"
