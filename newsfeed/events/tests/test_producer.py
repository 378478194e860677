import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.conf import settings as django_settings
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from conftest import Broker
from newsfeed.kafka import in_flight, producer
from newsfeed.kafka.producer import Message, PublishError
from newsfeed.kafka.topics import Topic
from tests.deadline import assert_quick
from tests.names import own
from tests.time_limits import SetLimits


def _messages(count: int) -> list[Message]:
    topic = Topic.FEED.today()
    return [Message(topic, key, b"value %d" % key) for key in range(1, count + 1)]


def test_acknowledged_records_stand_on_the_topic(topics: None, broker: Broker) -> None:
    producer.send(_messages(30)).wait(60)
    records = broker.records(Topic.FEED.today())
    assert sorted((int(r.key), r.value) for r in records) == [
        (n, b"value %d" % n) for n in range(1, 31)
    ]


def test_the_partition_is_the_id_modulo_their_number(
    topics: None, broker: Broker, settings: Settings
) -> None:
    producer.send(_messages(30)).wait(60)
    records = broker.records(Topic.FEED.today())
    assert len(records) == 30
    assert all(r.partition == int(r.key) % settings.KAFKA_PARTITIONS for r in records)


def test_records_of_one_id_keep_their_order(topics: None, broker: Broker) -> None:
    topic = Topic.FEED.today()
    producer.send(Message(topic, 5, b"%d" % n) for n in range(500)).wait(60)
    assert [int(r.value) for r in broker.records(topic)] == list(range(500))


def test_headers_are_sent(topics: None, broker: Broker) -> None:
    headers = [("why", "그래서".encode())]
    producer.send([Message(Topic.FEED.dead_letters, 1, b"x", headers)]).wait(60)
    (record,) = broker.records(Topic.FEED.dead_letters)
    assert record.headers == headers


def test_nothing_is_sent_at_once(topics: None) -> None:
    producer.send([]).wait(0)


def test_a_missing_topic_is_an_error_soon_and_the_others_go_on(
    topics: None, broker: Broker
) -> None:
    def send_in_vain() -> None:
        with pytest.raises(PublishError):
            producer.send([Message(own("events-missing"), 1, b"x")]).wait(60)

    assert_quick(send_in_vain, 3)
    producer.send(_messages(1)).wait(60)
    assert len(broker.records(Topic.FEED.today())) == 1


def test_a_record_that_is_too_large_is_an_error(topics: None, broker: Broker) -> None:
    with pytest.raises(PublishError):
        producer.send([Message(Topic.FEED.today(), 1, b"x" * 2_000_000)]).wait(60)
    producer.send(_messages(1)).wait(60)
    assert len(broker.records(Topic.FEED.today())) == 1


def test_without_a_broker_a_request_is_told_so_at_once(
    topics: None, broker: Broker, kafka_away: Callable[[], AbstractContextManager[None]]
) -> None:
    with kafka_away():
        _publishing_fails_within(1)
        _publishing_fails_within(1)  # and so does the next
    producer.send(_messages(1)).wait(60)
    assert len(broker.records(Topic.FEED.today())) == 1


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never answers, as a frozen broker does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_broker_that_does_not_answer_keeps_a_request_no_longer(
    kafka_away: Callable[[], AbstractContextManager[None]], settings: Settings, silent_port: int
) -> None:
    with kafka_away():
        settings.KAFKA_BOOTSTRAP_SERVERS = [f"127.0.0.1:{silent_port}"]
        _publishing_fails_within(1)
        started = time.monotonic()
        producer.close(0.5)
        assert time.monotonic() - started < django_settings.TIME_LIMITS.kafka_delivery


def _publishing_fails_within(seconds: float) -> None:
    def send_in_vain() -> None:
        with pytest.raises(PublishError):
            producer.send(_messages(3)).wait(0.2)

    assert_quick(send_in_vain, seconds)


class Stuck:
    """A producer whose thread does nothing until it is released."""

    def __init__(self, stuck: Any) -> None:
        self.producer, self._sender = stuck, stuck._sender
        self._hangs, self._released = threading.Event(), threading.Event()
        self._work, self._sender.run_once = self._sender.run_once, self._hang
        self._sender.wakeup()
        assert self._hangs.wait(60)

    def _hang(self) -> None:
        self._hangs.set()
        self._released.wait(120)
        self._work()

    def release(self) -> None:
        self._released.set()

    def has_ended(self) -> bool:
        self._sender.join(60)
        return not self._sender.is_alive()


@pytest.fixture
def stuck(topics: None) -> Iterator[Stuck]:
    stuck = Stuck(producer.current.get())
    yield stuck
    stuck.release()


def _replaced() -> float:
    return REGISTRY.get_sample_value("feed_producer_replaced_total") or 0


def test_a_stuck_producer_is_replaced(stuck: Stuck, broker: Broker, set_limits: SetLimits) -> None:
    replaced = _replaced()
    with pytest.raises(PublishError):
        producer.send(_messages(1)).wait(0.1)
    with pytest.raises(PublishError):
        producer.send(_messages(1)).wait(0.1)  # which is not too long yet
    assert (producer.current.producer, _replaced()) == (stuck.producer, replaced)
    set_limits(kafka_stuck=0.1)
    started = time.monotonic()
    producer.send(_messages(1)).wait(60)
    assert time.monotonic() - started < django_settings.TIME_LIMITS.kafka_delivery
    assert _replaced() == replaced + 1
    assert len(broker.records(Topic.FEED.today())) == 1
    stuck.release()
    assert stuck.has_ended()


def test_a_producer_whose_thread_died_is_replaced(topics: None, broker: Broker) -> None:
    dead = producer.current.get()
    dead._sender.force_close()
    dead._sender.join(60)
    producer.send(_messages(1)).wait(60)
    assert producer.current.producer is not dead
    assert len(broker.records(Topic.FEED.today())) == 1


def test_a_producer_that_was_idle_is_kept(topics: None, set_limits: SetLimits) -> None:
    set_limits(kafka_stuck=0.1)
    producer.send(_messages(10)).wait(60)
    before = producer.current.producer
    time.sleep(0.2)
    producer.send(_messages(10)).wait(60)
    assert producer.current.producer is before


def test_so_many_unacknowledged_records_are_taken_and_not_more(
    stuck: Stuck, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MAX_RECORDS", 50)
    taken = [producer.send(_messages(30)), producer.send(_messages(20))]

    def send_in_vain() -> None:
        with pytest.raises(PublishError, match="50 records are not acknowledged yet"):
            producer.send(_messages(1)).wait(60)

    assert_quick(send_in_vain, 1)
    stuck.release()
    for delivery in taken:
        delivery.wait(60)
    producer.send(_messages(1)).wait(60)
    assert len(broker.records(Topic.FEED.today())) == 51


def test_records_that_failed_make_room(topics: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "MAX_RECORDS", 2)
    for _ in range(5):
        with pytest.raises(PublishError, match="MessageSizeTooLarge"):
            producer.send([Message(Topic.FEED.today(), 1, b"x" * 2_000_000)]).wait(60)
    producer.send(_messages(1)).wait(60)


def test_warming_up_without_a_broker_is_no_error(
    kafka_away: Callable[[], AbstractContextManager[None]], caplog: pytest.LogCaptureFixture
) -> None:
    with kafka_away():
        producer.warm()
    assert "no metadata" in caplog.text


FORKS = """
import os, sys, django
django.setup()
from newsfeed.kafka import in_flight, producer
from newsfeed.kafka.topics import Topic

def send(value):
    producer.warm()
    producer.send([producer.Message(Topic.FEED.today(), 1, value)]).wait(60)

send(b"before")
if child := os.fork():
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    send(b"parent")
    producer.close()
else:
    send(b"child")
    producer.close()
    os._exit(0)
"""


def test_a_forked_process_has_a_producer_of_its_own(topics: None, broker: Broker) -> None:
    env = os.environ | {"KAFKA_TOPIC_PREFIX": django_settings.KAFKA_TOPIC_PREFIX}
    script = [sys.executable, "-c", FORKS]
    subprocess.run(script, check=True, env=env, timeout=60)  # noqa: S603
    assert [r.value for r in broker.records(Topic.FEED.today())] == [b"before", b"child", b"parent"]
