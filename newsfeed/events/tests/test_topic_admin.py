import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest
from pytest_django.fixtures import Settings

from conftest import Broker
from newsfeed.events.tests.conftest import Send
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic, audit_log, days_from_today
from tests.deadline import assert_quick, wait_until

pytestmark = pytest.mark.usefixtures("new_topics")


def _wanted(days: int) -> list[str]:
    dated = [topic.on(day) for topic in Topic for day in days_from_today(days)]
    return sorted([*dated, audit_log(), *(topic.dead_letters for topic in Topic)])


def test_topics_are_created_once(broker: Broker) -> None:
    assert topic_admin.ensure_topics(1) == _wanted(1)
    assert topic_admin.ensure_topics(1) == []
    assert topic_admin.ensure_topics(3) == sorted(set(_wanted(3)) - set(_wanted(1)))
    assert [state.name for state in topic_admin.topic_states()] == _wanted(3)


def test_topics_have_the_partitions_and_options_of_the_settings(
    broker: Broker, settings: Settings
) -> None:
    settings.KAFKA_PARTITIONS, settings.KAFKA_RETENTION_DAYS = 5, 3
    settings.KAFKA_MIN_INSYNC_REPLICAS = 1
    topic_admin.ensure_topics(1)
    partitions = {state.name: state.partitions for state in topic_admin.topic_states()}
    assert partitions[Topic.FEED.today()] == 5
    assert partitions[Topic.FEED.dead_letters] == 1
    dated = broker.config(Topic.FEED.today())
    assert dated["retention.ms"] == str(3 * 24 * 3600 * 1000)
    assert dated["min.insync.replicas"] == "1"
    assert dated["compression.type"] == "producer"
    assert broker.config(Topic.FEED.dead_letters)["retention.ms"] == str(30 * 24 * 3600 * 1000)
    assert partitions[audit_log()] == 1
    assert broker.config(audit_log())["retention.ms"] == str(3_650 * 24 * 3600 * 1000)


def test_somebody_else_may_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    topic_admin.ensure_topics(1)
    with monkeypatch.context() as patch:
        patch.setattr("kafka.KafkaAdminClient.list_topics", lambda _: [])
        topic_admin.ensure_topics(2)
    assert set(_wanted(2)) <= {state.name for state in topic_admin.topic_states()}


def test_records_and_lag_are_counted(send: Send, broker: Broker, settings: Settings) -> None:
    topic_admin.ensure_topics(2)
    producer.warm()
    for key in (0, 1):
        send(1, 2, 3, key=key)
    states = {state.name: state for state in topic_admin.topic_states("other")}
    today = states[Topic.FEED.today()]
    assert (today.records, today.lag) == (6, 6)
    assert sum(state.lag for state in states.values()) == 6
    broker.skip_to_end("other")
    today = next(s for s in topic_admin.topic_states("other") if s.name == today.name)
    assert (today.records, today.lag) == (6, 0)


def test_without_a_broker_it_is_said_soon(
    kafka_away: Callable[[], AbstractContextManager[None]],
) -> None:
    topic_admin.ping()
    asks: list[Callable[[], object]] = [topic_admin.ping, topic_admin.ensure_topics]
    with kafka_away():
        threads = threading.active_count()
        for ask in asks:
            assert_quick(partial(_is_refused, ask), 5)
        # /readyz asks every few seconds: none may leave anything behind.
        wait_until(lambda: threading.active_count() <= threads, 60, "as many threads as before")


def _is_refused(ask: Callable[[], object]) -> None:
    with pytest.raises(topic_admin.BrokerUnavailable):
        ask()
