"""Which topics the consumer reads: they change every midnight."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone

from conftest import Broker
from newsfeed.events import consumer as consumer_module
from newsfeed.events.consumer import Consumer
from newsfeed.events.tests.conftest import Recorder, Send, Start, lag, step_until
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topic_admin import BrokerUnavailable
from newsfeed.kafka.topics import Topic

pytestmark = pytest.mark.usefixtures("new_topics")

MONDAY, TUESDAY = date(2026, 3, 9), date(2026, 3, 10)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.3)
    monkeypatch.setattr(consumer_module, "REFRESH_SECONDS", 0)


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """Sets the date, and has topics for it."""

    def begin(day: date) -> None:
        monkeypatch.setattr(timezone, "localdate", lambda: day)
        topic_admin.ensure_topics(1)

    return begin


def _send_to(send: Send, topic: str, *post_ids: int) -> None:
    producer.current.get().partitions_for(topic)
    send(*post_ids, topic=topic)


def _ids(handler: Recorder) -> list[int]:
    return sorted(record.post_id for record in handler.records)


def test_a_topic_that_is_discovered_late_is_read_from_its_start(
    start: Start, send: Send, handler: Recorder
) -> None:
    consumer = start(handler)
    assert consumer.step() == 0
    topic_admin.ensure_topics(1)
    _send_to(send, Topic.FEED.today(), 1, 2)
    step_until(lambda: len(handler.records) == 2, consumer)
    assert _ids(handler) == [1, 2]


def test_yesterdays_topic_is_read_on_while_kafka_cannot_tell_what_is_unread(
    start: Start,
    send: Send,
    handler: Recorder,
    day: Callable[[date], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day(MONDAY)
    _send_to(send, Topic.FEED.on(MONDAY), 1)
    day(TUESDAY)
    consumer = start(handler)
    step_until(lambda: _ids(handler) == [1], consumer)
    with monkeypatch.context() as patch:
        patch.setattr(topic_admin, "topic_states", Mock(side_effect=BrokerUnavailable))
        consumer.step()
        _send_to(send, Topic.FEED.on(MONDAY), 2)
        _send_to(send, Topic.FEED.on(TUESDAY), 3)
        step_until(lambda: len(handler.records) == 3, consumer)
    assert _ids(handler) == [1, 2, 3]


def test_at_midnight_it_goes_on_to_the_new_topic_and_finishes_the_old_one(
    start: Start,
    send: Send,
    handler: Recorder,
    day: Callable[[date], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", consumer_module.logger.name)
    day(MONDAY)
    _send_to(send, Topic.FEED.on(MONDAY), 1)
    consumer = start(handler)
    step_until(lambda: lag() == 0, consumer)
    day(TUESDAY)
    _send_to(send, Topic.FEED.on(MONDAY), 2)  # by a request that began before midnight
    _send_to(send, Topic.FEED.on(TUESDAY), 3)
    step_until(lambda: lag() == 0, consumer)
    assert _ids(handler) == [1, 2, 3]
    consumer.step()
    said = [log.message for log in caplog.records if log.name == consumer_module.__name__]
    assert Topic.FEED.on(MONDAY) in said[0]
    assert Topic.FEED.on(MONDAY) not in said[-1]
    assert Topic.FEED.on(TUESDAY) in said[-1]


def test_it_starts_without_a_broker(
    start: Start, handler: Recorder, kafka_away: Callable[[], AbstractContextManager[None]]
) -> None:
    with kafka_away():
        consumer = start(handler)
        assert consumer.step() == 0
        consumer.close()


def _assigned(consumer: Consumer, topic: str) -> bool:
    return any(partition.topic == topic for partition in consumer._kafka.assignment())


def test_it_outlives_a_topic_that_is_deleted_and_reads_the_one_made_anew(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    topic_admin.ensure_topics(1)
    _send_to(send, Topic.FEED.today(), 1, 2)
    consumer = start(handler)
    step_until(lambda: len(handler.records) == 2, consumer)
    assert _assigned(consumer, Topic.FEED.today())
    _send_to(send, Topic.FEED.today(), 3)  # which nobody will have read
    broker.delete_topics(Topic.FEED.today())
    step_until(lambda: not _assigned(consumer, Topic.FEED.today()), consumer)
    topic_admin.ensure_topics(1)
    _send_to(send, Topic.FEED.today(), 4)
    step_until(lambda: 4 in _ids(handler), consumer)
    assert set(_ids(handler)) - {3} == {1, 2, 4}
    step_until(lambda: lag() == 0, consumer)


@pytest.mark.parametrize("new", [1, 5])
def test_of_a_topic_that_was_made_anew_unnoticed_the_first_records_are_read_too(
    start: Start, send: Send, handler: Recorder, broker: Broker, new: int
) -> None:
    topic_admin.ensure_topics(1)
    _send_to(send, Topic.FEED.today(), 91, 92, 93)
    consumer = start(handler)
    step_until(lambda: lag() == 0, consumer)
    broker.delete_topics(Topic.FEED.today())
    topic_admin.ensure_topics(1)
    fresh = list(range(1, new + 1))
    _send_to(send, Topic.FEED.today(), *fresh)
    step_until(lambda: set(fresh) <= set(_ids(handler)), consumer)
    step_until(lambda: lag() == 0, consumer)
    assert consumer.step() == 0


def test_what_was_handled_when_its_topic_vanished_does_not_hold_the_others_up(
    start: Start, send: Send, handler: Recorder, broker: Broker, day: Callable[[date], None]
) -> None:
    day(MONDAY)
    _send_to(send, Topic.FEED.on(MONDAY), 1)
    day(TUESDAY)
    consumer = start(DeletesTopic(handler, broker, Topic.FEED.on(MONDAY)))
    step_until(lambda: _ids(handler) == [1], consumer)
    _send_to(send, Topic.FEED.on(TUESDAY), 2)
    step_until(lambda: lag() == 0, consumer)
    assert _ids(handler) == [1, 2]


class DeletesTopic(Recorder):
    """A handler in whose first call the topic vanishes, so that it cannot be committed."""

    def __init__(self, inner: Recorder, broker: Broker, topic: str) -> None:
        self._inner, self._broker, self._topic = inner, broker, topic

    def __call__(self, records: list[Any]) -> None:
        if not self._inner.calls:
            self._broker.delete_topics(self._topic)
        self._inner(records)
