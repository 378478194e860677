"""Whatever changes a post or a follow leaves an event, and only if it commits."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Broker, Redis
from feeds import store
from feeds.tests.conftest import Away, edges, make_ready, write_posts
from follows.models import Follow
from follows.services import follow, unfollow
from newsfeed.events import relay
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka.topics import Topic
from newsfeed.redis import client as newsfeed_redis
from posts.services import create_post, delete_post, edit_post, hide_post, unhide_post

Events = list[dict[str, object]]


def _events() -> Events:
    """Type and ids of those in the outbox; after a test's own transaction nobody publishes them."""
    payloads = OutboxEvent.objects.order_by("pk").values_list("payload", flat=True)
    common = {"version", "event_id", "occurred_at"}
    return [{name: p[name] for name in p.keys() - common} for p in payloads]


def test_posts_leave_events(alice: User) -> None:
    post = create_post(user_id=alice.pk, content="x")
    edit_post(user_id=alice.pk, post_id=post.pk, content="y")
    hide_post(post.pk)
    unhide_post(post.pk)
    delete_post(user_id=alice.pk, post_id=post.pk)
    ids = {"actor_id": alice.pk, "post_id": post.pk}
    assert _events() == [
        {"type": "POST_CREATE"} | ids,
        {"type": "POST_UPDATE"} | ids,
        {"type": "POST_HIDE"} | ids,
        {"type": "POST_UNHIDE"} | ids,
        {"type": "POST_DELETE"} | ids,
    ]


def test_follows_leave_events(alice: User, bob: User) -> None:
    follow(follower_id=bob.pk, followee_id=alice.pk)
    unfollow(follower_id=bob.pk, followee_id=alice.pk)
    ids = {"actor_id": bob.pk, "followee_id": alice.pk}
    assert _events() == [{"type": "FOLLOW"} | ids, {"type": "UNFOLLOW"} | ids]


def test_a_user_who_is_removed_takes_posts_and_follows_along(
    alice: User, bob: User, carol: User
) -> None:
    edges(alice, [bob])
    edges(carol, [alice])
    (post_id,) = write_posts(alice, 1)
    alice_id = alice.pk
    alice.delete()
    events = _events()
    assert len(events) == 3
    assert {"type": "UNFOLLOW", "actor_id": bob.pk, "followee_id": alice_id} in events
    assert {"type": "UNFOLLOW", "actor_id": alice_id, "followee_id": carol.pk} in events
    assert {"type": "POST_DELETE", "actor_id": alice_id, "post_id": post_id} in events


def test_follows_changed_in_the_admin_leave_events(
    admin_client: Client, alice: User, bob: User
) -> None:
    form = {"follower": bob.pk, "followee": alice.pk}
    ids = {"actor_id": bob.pk, "followee_id": alice.pk}
    follows = reverse("admin:follows_follow_changelist")
    admin_client.post(f"{follows}add/", form)
    admin_client.post(f"{follows}{Follow.objects.get().pk}/delete/", {"post": "yes"})
    admin_client.post(f"{follows}add/", form)
    selected = {"action": "delete_selected", "_selected_action": [Follow.objects.get().pk]}
    admin_client.post(follows, selected | {"post": "yes"})
    assert _events() == [{"type": "FOLLOW"} | ids, {"type": "UNFOLLOW"} | ids] * 2


@pytest.mark.django_db(transaction=True)
def test_a_post_that_is_rolled_back_leaves_and_sends_nothing(
    alice: User, bob: User, broker: Broker
) -> None:
    edges(alice, [bob])
    for rolled_back in (True, False):
        with transaction.atomic():
            create_post(user_id=alice.pk, content="x")
            assert OutboxEvent.objects.count() == 1
            transaction.set_rollback(rolled_back)
        if rolled_back:
            assert not OutboxEvent.objects.exists()
            assert broker.records(Topic.FEED.today()) == []
            assert broker.records(Topic.ACTIVITY.today()) == []
    while OutboxEvent.objects.exists():
        relay.relay("test")
    assert len(broker.records(Topic.FEED.today())) == 1
    assert len(broker.records(Topic.ACTIVITY.today())) == 1


@pytest.mark.usefixtures("pipeline")
def test_a_follow_makes_the_feed_cold_at_once(
    as_bob: APIClient, alice: User, bob: User, carol: User, redis: Redis
) -> None:
    path = f"/api/v1/users/{alice.pk}/follow/"
    for method, status in ((as_bob.post, 201), (as_bob.delete, 204)):
        make_ready(bob.pk)
        make_ready(carol.pk)
        assert method(path).status_code == status
        assert not redis.exists(f"feed:{bob.pk}")
        assert redis.exists(f"feed:{carol.pk}")


@pytest.mark.usefixtures("pipeline")
def test_a_follow_needs_no_redis_and_stops_asking_it(
    as_bob: APIClient,
    alice: User,
    bob: User,
    redis: Redis,
    redis_away: Away,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(newsfeed_redis.breaker, "open_seconds", 60)
    path = f"/api/v1/users/{alice.pk}/follow/"
    with redis_away():
        assert as_bob.post(path).status_code == 201
        assert as_bob.delete(path).status_code == 204
    make_ready(bob.pk)
    assert as_bob.post(path).status_code == 201
    assert redis.exists(f"feed:{bob.pk}")


@pytest.mark.usefixtures("pipeline")
def test_a_short_cut_that_fails_does_not_fail_the_request(
    as_alice: APIClient, as_bob: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(relay, "publish_inline", fail)
        patch.setattr(store.FeedStore, "invalidate", fail)
        assert as_alice.post("/api/v1/posts/", {"content": "x"}).status_code == 201
        assert as_bob.post(f"/api/v1/users/{alice.pk}/follow/").status_code == 201
    assert OutboxEvent.objects.count() == 2
    OutboxEvent.objects.all().delete()
