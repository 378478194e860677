"""What becomes of posts while Kafka is away."""

import time

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Broker, Pipeline
from feeds.tests.conftest import Away
from newsfeed.breaker import State
from newsfeed.events import outbox, relay
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer
from newsfeed.kafka.producer import Delivery, PublishError
from newsfeed.kafka.topics import Topic
from posts.services import create_post

pytestmark = pytest.mark.usefixtures("pipeline")


def test_while_kafka_is_away_posts_are_accepted_and_kept(
    pipeline: Pipeline,
    alice: User,
    as_alice: APIClient,
    followers: list[User],
    broker: Broker,
    kafka_away: Away,
) -> None:
    with kafka_away():
        for _ in range(2):
            assert as_alice.post("/api/v1/posts/", {"content": "x"}).status_code == 201
        assert OutboxEvent.objects.count() == 2
        assert relay.relay("relay") == 2
        waiting = list(OutboxEvent.objects.all())
    assert [(event.attempts, bool(event.last_error)) for event in waiting] == [(1, True)] * 2
    assert broker.records(Topic.FEED.today()) == []
    pipeline.settle()
    assert len(broker.records(Topic.FEED.today())) == 2 * len(followers)


def test_a_kafka_that_is_away_is_not_asked_for_long(
    alice: User, followers: list[User], kafka_away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay.kafka_breaker, "open_seconds", 60)
    with kafka_away():
        for _ in range(relay.kafka_breaker.minimum):
            create_post(user_id=alice.pk, content="x")
        assert relay.kafka_breaker.state is State.OPEN
        asked: list[object] = []
        with monkeypatch.context() as patch:
            patch.setattr(producer, "send", asked.append)
            create_post(user_id=alice.pk, content="x")
        assert asked == []
    assert len(outbox.claim("relay", 10)) == 4  # handed over, not only left to their lease
    OutboxEvent.objects.all().delete()


def test_a_relay_whose_producer_is_dead_waits_once_for_all_its_events(
    alice: User,
    followers: list[User],
    kafka_away: Away,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    monkeypatch.setattr(relay, "RELAY_SECONDS", 2)
    for _ in range(10):
        create_post(user_id=alice.pk, content="x")
    with kafka_away(), monkeypatch.context() as patch:
        patch.setattr(producer, "send", lambda _: _Unanswered([]))
        patch.setattr(producer, "flush", _never)
        started = time.monotonic()
        assert relay.relay("relay") == 10
    assert time.monotonic() - started < 10 * 2
    assert OutboxEvent.objects.filter(attempts=1).count() == 10
    OutboxEvent.objects.all().delete()


class _Unanswered(Delivery):
    def wait(self, seconds: float) -> None:
        time.sleep(seconds)
        raise PublishError("no answer")


def _never(seconds: float) -> bool:
    time.sleep(seconds)
    return False
