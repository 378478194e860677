"""The topics of the day are missing: somebody deleted them, or housekeeping was late."""

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from conftest import Broker
from feeds.tests.conftest import Away, crowd, edges, make_ready, stored_ids
from feeds.tests.processes import Process
from newsfeed.events import consumer as consumer_module
from newsfeed.events import relay
from newsfeed.events.consumer import Consumer
from newsfeed.events.groups import get_group_or_raise
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from posts.services import create_post
from tests.deadline import assert_quick

pytestmark = pytest.mark.usefixtures("new_topics", "transactional_db", "fans")

Capture = pytest.CaptureFixture[str]
MONDAY, TUESDAY = date(2026, 3, 9), date(2026, 3, 10)


@pytest.fixture
def fans(alice: User) -> list[User]:
    """Who follow alice; their feeds are ready."""
    fans = crowd(4)
    edges(alice, fans)
    for fan in fans:
        make_ready(fan.pk)
    return fans


@pytest.fixture
def consumer(new_topics: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Consumer]:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(consumer_module, "REFRESH_SECONDS", 0)
    consumer = Consumer(get_group_or_raise("feed"))
    yield consumer
    consumer.close()


def _deliver(consumer: Consumer, fans: list[User], ids: list[int]) -> None:
    """Returns when all the feeds hold exactly these posts."""
    deadline = time.monotonic() + 60
    while any(stored_ids(fan.pk) != ids for fan in fans):
        assert time.monotonic() < deadline, stored_ids(fans[0].pk)
        consumer.step()


def _relay_all() -> None:
    deadline = time.monotonic() + 60
    while OutboxEvent.objects.exists():
        assert time.monotonic() < deadline, list(OutboxEvent.objects.values())
        relay.relay("test")


def _today() -> list[str]:
    return [topic.today() for topic in Topic]


def test_when_they_are_deleted_under_a_running_relay_the_next_post_arrives(
    alice: User,
    fans: list[User],
    broker: Broker,
    consumer: Consumer,
    settings: Settings,
    tmp_path: Path,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0  # all is the relay's
    topic_admin.ensure_topics()
    relay = Process(tmp_path, "relay_outbox", KAFKA_PARTITIONS="3")
    try:
        first = create_post(user_id=alice.pk, content="first").pk
        relay.wait_until(lambda: not OutboxEvent.objects.exists())
        _deliver(consumer, fans, [first])
        broker.delete_topics(*_today())
        second = create_post(user_id=alice.pk, content="second").pk
        relay.wait_until(lambda: not OutboxEvent.objects.exists())
        _deliver(consumer, fans, [second, first])
        assert f"created {', '.join(sorted(_today()))}" in relay.log()
    finally:
        relay.kill()


def test_what_waits_in_the_producer_goes_to_the_topic_that_is_made_anew(broker: Broker) -> None:
    topic_admin.ensure_topics()
    producer.warm()
    broker.delete_topics(*_today())
    delivery = producer.send([producer.Message(Topic.FEED.today(), 1, b"waits")])
    assert not delivery.is_refused
    assert not producer.flush(0.3)
    assert topic_admin.ensure_topics() == sorted(_today())
    assert producer.flush(60)
    delivery.wait(0)
    assert [record.value for record in broker.records(Topic.FEED.today())] == [b"waits"]


def test_a_post_does_not_wait_for_them_and_is_left_to_the_relay(
    alice: User, fans: list[User], consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay.kafka_breaker, "minimum", 1_000)  # behind it nobody waits
    late: list[int] = []
    assert_quick(lambda: late.insert(0, create_post(user_id=alice.pk, content="late").pk), 3)
    assert OutboxEvent.objects.count() == len(late)
    assert topic_admin.topic_states() == []
    _relay_all()
    _deliver(consumer, fans, late)
    soon = create_post(user_id=alice.pk, content="soon").pk
    assert not OutboxEvent.objects.exists()
    _deliver(consumer, fans, [soon, *late])


@pytest.mark.parametrize("inline_limit", [0, 200])
def test_midnight_loses_nothing_though_nobody_made_the_new_days_topics(
    alice: User,
    fans: list[User],
    consumer: Consumer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    inline_limit: int,
) -> None:
    settings.FANOUT_INLINE_LIMIT = inline_limit
    monkeypatch.setattr(timezone, "localdate", lambda: MONDAY)
    topic_admin.ensure_topics(1)
    ids = [create_post(user_id=alice.pk, content="on Monday").pk for _ in range(3)]
    _relay_all()
    ids.append(create_post(user_id=alice.pk, content="a moment before midnight").pk)
    monkeypatch.setattr(timezone, "localdate", lambda: TUESDAY)
    ids += [create_post(user_id=alice.pk, content="on Tuesday").pk for _ in range(3)]
    _relay_all()
    _deliver(consumer, fans, ids[::-1])
    records = {state.name: state.records for state in topic_admin.topic_states()}
    assert records[Topic.FEED.on(MONDAY)] + records[Topic.FEED.on(TUESDAY)] == 7 * len(fans)
    assert records[Topic.FEED.on(TUESDAY)] >= 3 * len(fans)


def test_what_a_deleted_topic_took_with_it_is_found_and_repaired(
    alice: User, fans: list[User], broker: Broker, consumer: Consumer, capsys: Capture
) -> None:
    topic_admin.ensure_topics()
    producer.warm()
    lost = create_post(user_id=alice.pk, content="lost").pk
    assert not OutboxEvent.objects.exists()  # Kafka has it, nobody has read it
    broker.delete_topics(*_today())
    kept = create_post(user_id=alice.pk, content="kept").pk
    _relay_all()
    _deliver(consumer, fans, [kept])
    with pytest.raises(CommandError, match="4 feeds differ"):
        call_command("verify_feeds", "--all")
    assert f"feed of user {fans[0].pk}: missing 1 ({lost})" in capsys.readouterr().out
    call_command("verify_feeds", "--all", "--repair")
    assert [stored_ids(fan.pk) for fan in fans] == [[kept, lost]] * 4
    call_command("verify_feeds", "--all")


def test_without_kafka_the_relay_only_says_that_it_could_not_look(
    alice: User,
    kafka_away: Away,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    create_post(user_id=alice.pk, content="later")
    with kafka_away():
        assert relay.relay("test") == 1
    assert "cannot look for missing topics" in caplog.text
    assert OutboxEvent.objects.get().last_error
    topic_admin.ensure_topics()
    _relay_all()
