"""From a committed post to the records on Kafka: one per follower, whoever publishes them."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import Mock

import pytest
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Broker, Pipeline
from feeds.tests.conftest import FEED, edges
from follows.services import follow
from newsfeed.events import relay
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from posts.models import Post
from posts.services import create_post, delete_post

pytestmark = pytest.mark.usefixtures("pipeline")


def _feed_records(broker: Broker) -> list[dict[str, Any]]:
    values = [json.loads(r.value) for r in broker.records(Topic.FEED.today())]
    return sorted(values, key=lambda value: (value["post_id"], value["follower_id"]))


def _activities(broker: Broker) -> list[str]:
    return [json.loads(r.value)["type"] for r in broker.records(Topic.ACTIVITY.today())]


def _keys(broker: Broker, topic: Topic) -> list[int]:
    """Which decide the partitions."""
    return sorted(int(record.key) for record in broker.records(topic.today()))


def _ids(users: Sequence[User]) -> list[int]:
    return [user.pk for user in users]


def _post(author: User, content: str = "안녕 🙂") -> Post:
    return create_post(user_id=author.pk, content=content)


def _published(by: str) -> float:
    return REGISTRY.get_sample_value("feed_outbox_published_total", {"by": by}) or 0


def _sent(by: str) -> tuple[float, float]:
    """How often, and how many records in all."""
    names = ("feed_fanout_size_count", "feed_fanout_size_sum")
    count, records = (REGISTRY.get_sample_value(name, {"by": by}) or 0 for name in names)
    return count, records


def test_every_follower_gets_one_record_of_exactly_five_fields(
    alice: User, carol: User, followers: list[User], broker: Broker
) -> None:
    post = _post(alice, 'say "follower_id":7 \\ 안녕 🙂')
    assert _feed_records(broker) == [
        {
            "post_id": post.pk,
            "author_id": alice.pk,
            "follower_id": follower.pk,
            "content": 'say "follower_id":7 \\ 안녕 🙂',
            "created_at": post.created_at.isoformat().replace("+00:00", "Z"),
        }
        for follower in followers
    ]
    assert _activities(broker) == ["POST_CREATE"]


def test_the_request_itself_publishes_for_few_followers(
    alice: User, followers: list[User], broker: Broker, settings: Settings
) -> None:
    settings.FANOUT_INLINE_LIMIT = len(followers)
    before, (posts, records) = _published("request"), _sent("request")
    _post(alice)
    assert not OutboxEvent.objects.exists()
    assert len(_feed_records(broker)) == len(followers)
    assert _published("request") == before + 1
    assert _sent("request") == (posts + 1, records + len(followers))


def test_for_many_followers_the_relay_publishes_and_asks_kafka_for_nothing_else(
    alice: User,
    followers: list[User],
    broker: Broker,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FANOUT_INLINE_LIMIT = len(followers) - 1
    monkeypatch.setattr(topic_admin, "ensure_topics", Mock(side_effect=AssertionError))
    before, (slices, records) = _published("relay"), _sent("relay")
    _post(alice)
    assert _feed_records(broker) == []
    assert _activities(broker) == []
    assert relay.relay("relay") == 1
    assert [r["follower_id"] for r in _feed_records(broker)] == _ids(followers)
    assert _activities(broker) == ["POST_CREATE"]
    assert not OutboxEvent.objects.exists()
    assert _published("relay") == before + 1
    assert _sent("relay") == (slices + 1, records + len(followers))


def test_a_post_that_nobody_hears_of_is_an_activity_all_the_same(
    alice: User, broker: Broker
) -> None:
    _post(alice)
    assert _activities(broker) == ["POST_CREATE"]
    assert _feed_records(broker) == []
    assert not OutboxEvent.objects.exists()


@pytest.fixture(params=[8, 7, 3, 1])
def per_slice(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Followers in a slice; the relay publishes them all."""
    settings.FANOUT_INLINE_LIMIT = 0
    monkeypatch.setattr(relay, "RECORDS_PER_SLICE", request.param)
    size: int = request.param
    return size


def test_the_relay_publishes_in_slices_and_saves_where_it_stands(
    alice: User, followers: list[User], broker: Broker, per_slice: int
) -> None:
    _post(alice)
    for end in range(per_slice, len(followers) + 1, per_slice):
        assert relay.relay("relay") == 1
        assert OutboxEvent.objects.get().published_to == followers[end - 1].pk
        assert len(_feed_records(broker)) == end
    assert relay.relay("relay") == 1
    assert not OutboxEvent.objects.exists()
    assert relay.relay("relay") == 0
    assert [r["follower_id"] for r in _feed_records(broker)] == _ids(followers)
    assert _activities(broker) == ["POST_CREATE"]


def test_a_relay_that_waits_for_kafka_keeps_its_lease(
    alice: User, followers: list[User], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []

    def wait_in_vain(seconds: float) -> bool:
        ends.append(OutboxEvent.objects.get().claimed_until)
        time.sleep(seconds)
        return len(ends) > 3

    settings.FANOUT_INLINE_LIMIT = 0
    monkeypatch.setattr(producer, "flush", wait_in_vain)
    monkeypatch.setattr(relay, "RENEW_SECONDS", 0.2)
    _post(alice)
    relay.relay("relay")
    first, second, third, _ = ends
    assert (second - first).total_seconds() >= relay.MISSING_SECONDS
    assert (third - second).total_seconds() >= 0.2
    assert not OutboxEvent.objects.exists()


def test_slices_of_long_posts_are_shorter(
    alice: User,
    followers: list[User],
    broker: Broker,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    monkeypatch.setattr(relay, "BYTES_PER_SLICE", 10_000)
    _post(alice, "x" * 3_000)
    sizes = []
    while OutboxEvent.objects.exists():
        relay.relay("relay")
        sizes.append(len(_feed_records(broker)))
    assert sizes == [3, 6, 7]
    assert [r["follower_id"] for r in _feed_records(broker)] == _ids(followers)
    assert _activities(broker) == ["POST_CREATE"]


def test_an_event_of_an_unknown_type_waits_and_the_others_go_on(
    alice: User, followers: list[User], broker: Broker, settings: Settings
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    post = _post(alice)
    strange = OutboxEvent.objects.get()
    strange.pk, strange.payload = None, strange.payload | {"type": "LIKE_CREATE"}
    strange.save()
    assert relay.relay("relay") == 2
    assert {r["post_id"] for r in _feed_records(broker)} == {post.pk}
    waiting = OutboxEvent.objects.get()
    assert waiting.payload["type"] == "LIKE_CREATE"
    assert "LIKE_CREATE" in waiting.last_error
    waiting.delete()


def test_a_relay_takes_over_where_another_one_died(
    alice: User,
    followers: list[User],
    broker: Broker,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 1
    monkeypatch.setattr(relay, "RECORDS_PER_SLICE", 4)
    _post(alice)
    relay.relay("first")
    assert len(_feed_records(broker)) == 4
    assert relay.relay("second") == 1
    assert [r["follower_id"] for r in _feed_records(broker)] == _ids(followers)


def test_a_large_fan_out_lets_the_others_through(
    alice: User,
    bob: User,
    followers: list[User],
    broker: Broker,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    monkeypatch.setattr(relay, "RECORDS_PER_SLICE", 2)
    monkeypatch.setattr(relay, "EVENTS_PER_STEP", 1)
    edges(bob, followers[:1])
    _post(alice)
    quick = _post(bob)
    relay.relay("relay")
    relay.relay("relay")
    assert quick.pk in [r["post_id"] for r in _feed_records(broker)]
    assert OutboxEvent.objects.count() == 1


def test_a_post_deleted_before_its_fan_out_reaches_nobody(
    alice: User, followers: list[User], broker: Broker, settings: Settings
) -> None:
    settings.FANOUT_INLINE_LIMIT = 1
    deleted, stays = _post(alice), _post(alice)
    delete_post(user_id=alice.pk, post_id=deleted.pk)
    while OutboxEvent.objects.exists():
        relay.relay("relay")
    assert {r["post_id"] for r in _feed_records(broker)} == {stays.pk}
    assert sorted(_activities(broker)) == ["POST_CREATE", "POST_CREATE", "POST_DELETE"]
    assert _keys(broker, Topic.ACTIVITY) == [deleted.pk, deleted.pk, stays.pk]
    assert _keys(broker, Topic.FEED) == _ids(followers)


def test_who_follows_between_the_post_and_its_fan_out_gets_it_once(
    pipeline: Pipeline,
    alice: User,
    bob: User,
    followers: list[User],
    as_user: Callable[[User], APIClient],
    settings: Settings,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    reader = as_user(bob)
    assert reader.get(FEED).json()["results"] == []  # the feed is warm
    post = _post(alice)
    follow(follower_id=bob.pk, followee_id=alice.pk)
    for _ in range(2):
        assert [found["id"] for found in reader.get(FEED).json()["results"]] == [post.pk]
        pipeline.settle()


def test_an_event_that_cannot_be_sent_does_not_keep_the_others(
    alice: User, followers: list[User], broker: Broker, settings: Settings
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    first, second = _post(alice), _post(alice)
    Post.objects.filter(pk=first.pk).update(content="x" * 2**21)  # more than Kafka takes
    assert relay.relay("relay") == 2
    assert {r["post_id"] for r in _feed_records(broker)} == {second.pk}
    waiting = OutboxEvent.objects.get()
    assert waiting.payload["post_id"] == first.pk
    waiting.delete()
