"""What a deleted user leaves goes away, step by step, whatever happens between two steps."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.exceptions import NotFound
from rest_framework.test import APIClient

from accounts import data_registry, erasure
from accounts.data_registry import Step
from accounts.events import UserDeleted
from accounts.models import RefreshToken, User
from accounts.services import delete_user, take_up_again, update_profile
from conftest import Broker, Pipeline
from feeds import consumers
from feeds.store import StoreUnavailable
from feeds.tests.conftest import (
    FEED,
    Away,
    crowd,
    edges,
    make_ready,
    read,
    stored_ids,
    write_posts,
)
from follows.models import Follow
from follows.services import follow
from moderation.services import report_post
from newsfeed.api.exceptions import SessionEnded
from newsfeed.api.models import IdempotencyKey
from newsfeed.events.event import Event
from newsfeed.events.models import OutboxEvent
from newsfeed.events.registry import decode
from newsfeed.kafka.topics import Topic
from posts.models import Post
from posts.services import create_post

ME = "/api/v1/users/me/"


def _left(user: User) -> list[int]:
    """How much there is of the user: posts, followers, followees, answers, tokens."""
    return [
        Post.objects.filter(user=user, deleted_at=None).count(),
        Follow.objects.filter(followee=user).count(),
        Follow.objects.filter(follower=user).count(),
        IdempotencyKey.objects.filter(user_id=user.pk).count(),
        RefreshToken.objects.filter(user=user).count(),
    ]


def _furnish(user: User, friends: list[User], posts: int = 5) -> list[int]:
    """Posts, one of them hidden, follows in both directions, answers. The posts' ids."""
    ids = write_posts(user, posts)
    Post.objects.filter(pk=ids[-1]).update(hidden_at=timezone.now())
    edges(user, friends)
    for friend in friends:
        edges(friend, [user])
    IdempotencyKey.objects.bulk_create(IdempotencyKey(user_id=user.pk, key=k) for k in "abc")
    return ids


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows a step."""
    monkeypatch.setattr(erasure, "CHUNK", 2)
    monkeypatch.setattr(erasure, "STEP_SECONDS", 0)


@pytest.fixture
def settle(pipeline: Pipeline) -> Callable[[], None]:
    return pipeline.settle


def _deletions(broker: Broker) -> list[Event]:
    records = broker.records(Topic.ACTIVITY.today())
    events = [decode(Topic.ACTIVITY, record.value) for record in records]
    assert {record.partition for record in records} == {records[0].partition}
    return [event for event in events if isinstance(event, Event)]


def test_the_posts_leave_feeds_and_redis_and_nothing_is_left(
    settle: Callable[[], None],
    as_alice: APIClient,
    as_bob: APIClient,
    bob: User,
    carol: User,
    password: str,
) -> None:
    alice = User.objects.get(username="alice")
    _furnish(alice, [bob, carol])
    kept = _furnish(carol, [bob])[:-1]
    make_ready(bob.pk, sorted(Post.objects.values_list("pk", flat=True), reverse=True))
    make_ready(alice.pk, kept)
    before = _left(carol)
    assert _left(alice) == [5, 2, 2, 3, 1]
    assert {post["author"]["username"] for post in _feed(as_bob)} == {"alice", "carol"}

    assert as_alice.delete(ME, {"password": password}).status_code == 204
    assert [post["id"] for post in _feed(as_bob)] == kept
    assert as_bob.get(f"/api/v1/users/{alice.pk}/posts/").status_code == 404
    assert read(alice.pk) is None

    make_ready(alice.pk, kept)  # by a rebuild that was under way
    settle()
    assert _left(alice) == [0, 0, 0, 0, 0]
    assert [id_ for id_ in stored_ids(bob.pk) if id_ in kept] == kept
    assert not set(stored_ids(bob.pk)) & set(
        Post.objects.filter(user=alice).values_list("pk", flat=True)
    )
    assert read(alice.pk) is None
    # Carol has lost alice, and nothing else.
    assert _left(carol) == [before[0], before[1] - 1, before[2] - 1, *before[3:]]
    assert as_bob.get(f"/api/v1/users/{bob.pk}/following/").json()["results"] == [
        {"id": carol.pk, "username": "carol", "display_name": "Carol"}
    ]


def _feed(client: APIClient) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = client.get(FEED).json()["results"]
    return results


@pytest.mark.usefixtures("small")
def test_many_rows_go_in_many_steps_which_nobody_else_hears_of(
    settle: Callable[[], None], broker: Broker, alice: User, password: str
) -> None:
    followers = crowd(7)
    ids = _furnish(alice, followers)
    for user in followers:
        make_ready(user.pk, [ids[0] + 1, *ids])
    delete_user(user=alice, password=password)
    settle()
    assert _left(alice) == [0, 0, 0, 0, 0]
    # A feed that was invalidated would not hold the id that belongs to nobody.
    assert [stored_ids(user.pk) for user in followers] == [[ids[0] + 1]] * 7
    events = _deletions(broker)
    assert {(event.type, event.actor_id) for event in events} == {("USER_DELETE", alice.pk)}
    # 5 posts, 7 followers, 7 followees and 3 answers, two at a time, and what ends it.
    assert len(events) == 3 + 4 + 4 + 2 + 1
    assert len({event.event_id for event in events}) == len(events)


@pytest.mark.usefixtures("small")
def test_a_step_that_dies_anywhere_is_made_again(alice: User, password: str) -> None:
    followers = crowd(3)
    ids = _furnish(alice, followers)
    for user in followers:
        make_ready(user.pk, ids)
    delete_user(user=alice, password=password)
    died: set[Step] = set()

    def dying(step: Step) -> Step:
        """Dies right after its first rows."""

        def run(user_id: int, limit: int) -> int:
            rows = step(user_id, limit)
            if rows and step not in died:
                died.add(step)
                raise SystemExit
            return rows

        return run

    with patch.object(data_registry, "steps", [dying(step) for step in data_registry.steps]):
        for _ in range(20):
            with suppress(SystemExit):
                erasure.erase([alice.pk])
    assert len(died) == 4  # answers, posts, followees, feeds
    for _ in range(20):
        erasure.erase([alice.pk])
    assert _left(alice) == [0, 0, 0, 0, 0]
    assert [stored_ids(user.pk) for user in followers] == [[]] * 3
    OutboxEvent.objects.all().delete()
    erasure.erase([alice.pk])
    assert not OutboxEvent.objects.exists()


@pytest.mark.usefixtures("small")
def test_each_of_many_users_gets_on_with_each_step(alice: User, bob: User, password: str) -> None:
    for user in (alice, bob):
        write_posts(user, 5)
        delete_user(user=user, password=password)
    erasure.erase([alice.pk, bob.pk])
    assert [_left(user)[0] for user in (alice, bob)] == [3, 3]


def test_of_very_many_users_some_wait_for_a_later_batch(
    settle: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    alice: User,
    bob: User,
    password: str,
) -> None:
    monkeypatch.setattr(erasure, "MOST_SECONDS", 0)
    for user in (alice, bob):
        write_posts(user, 5)
        delete_user(user=user, password=password)
    OutboxEvent.objects.all().delete()
    erasure.erase([alice.pk, bob.pk])
    assert [_left(user)[0] for user in (alice, bob)] == [0, 5]
    assert bob.pk in [event.payload["actor_id"] for event in OutboxEvent.objects.all()]
    settle()
    assert _left(bob)[0] == 0


def test_a_redis_that_is_away_keeps_the_follows_for_later(
    redis_away: Away, alice: User, password: str
) -> None:
    followers = crowd(3)
    ids = _furnish(alice, followers)
    for user in followers:
        make_ready(user.pk, ids)
    delete_user(user=alice, password=password)
    with redis_away(), pytest.raises(StoreUnavailable):
        erasure.erase([alice.pk])
    assert _left(alice)[1] == 3
    erasure.erase([alice.pk])
    assert _left(alice) == [0, 0, 0, 0, 0]
    assert [stored_ids(user.pk) for user in followers] == [[]] * 3


def test_an_event_about_a_user_who_is_there_takes_nothing_away(
    settle: Callable[[], None], alice: User, bob: User
) -> None:
    _furnish(alice, [bob])
    before = _left(alice)
    take_up_again([alice.pk])
    settle()
    assert _left(alice) == before


def test_what_was_deleted_long_ago_makes_no_room_for_what_is_in_the_feeds(
    alice: User, bob: User, password: str, settings: Settings
) -> None:
    settings.FEED_MAX_LENGTH = 3
    *newer, oldest = write_posts(alice, 10)
    long_ago = timezone.now() - timedelta(days=1)
    Post.objects.filter(pk__in=newer).update(deleted_at=long_ago)
    edges(alice, [bob])
    make_ready(bob.pk, [oldest])
    delete_user(user=alice, password=password)
    erasure.erase([alice.pk])
    assert stored_ids(bob.pk) == []
    assert set(
        Post.objects.filter(user=alice).filter(deleted_at=long_ago).values_list("pk", flat=True)
    ) == set(newer)


def test_a_batch_names_each_user_once(monkeypatch: pytest.MonkeyPatch, alice: User) -> None:
    erased: list[set[int]] = []
    monkeypatch.setattr(erasure, "erase", erased.append)
    event = UserDeleted(actor_id=alice.pk)
    consumers.apply_visibility([event, event])
    assert erased == [{alice.pk}]


def test_a_request_that_was_let_in_before_leaves_nothing_behind(
    alice: User, bob: User, password: str
) -> None:
    create_post(user_id=bob.pk, content="x")
    delete_user(user=alice, password=password)
    with pytest.raises(SessionEnded):
        create_post(user_id=alice.pk, content="x")
    with pytest.raises(SessionEnded):
        update_profile(user=alice, display_name="Alice")
    with pytest.raises(NotFound):
        follow(follower_id=alice.pk, followee_id=bob.pk)
    with pytest.raises(SessionEnded):
        report_post(
            reporter_id=alice.pk, post_id=Post.objects.filter(user=bob).get().pk, reason="x"
        )
    assert User.objects.get(pk=alice.pk).display_name == ""
    assert not Post.objects.filter(user=alice).exists()
