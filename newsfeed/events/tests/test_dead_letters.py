import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings

from conftest import Broker
from newsfeed.events import dead_letters, tracing
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import InvalidRecord
from newsfeed.exceptions import Unavailable
from newsfeed.kafka import producer
from newsfeed.kafka.topics import Topic
from tests.names import own


@dataclass
class Raw:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


def _letter(
    topic: Topic = Topic.FEED, offset: int = 42, value: bytes | None = b"\xff{"
) -> DeadLetter:
    raw = Raw("feed-20260309", 7, offset, value)
    return dead_letters.letter(topic, raw, InvalidRecord("not JSON, 아님"), group="feed")


def test_headers_without_a_value_are_read(caplog: pytest.LogCaptureFixture) -> None:
    """Kafka allows them, and anybody may write to a topic."""
    odd = Raw("feed.DLT", 0, 5, b"{}", [("origin-topic", None), (tracing.HEADER, None)])
    assert str(dead_letters.read(Topic.FEED, odd)) == "feed.DLT[0]@5"
    caplog.set_level(logging.INFO)
    tracing.log([odd], [None])
    assert caplog.messages == ["applied"]


def test_a_dead_letter_tells_where_it_is_from_and_why(topics: None, broker: Broker) -> None:
    dead_letters.keep([_letter()])
    (record,) = broker.records(Topic.FEED.dead_letters)
    assert record.value == b"\xff{"
    headers = {name: text.decode() for name, text in record.headers}
    written = datetime.fromisoformat(headers.pop("time"))
    assert headers == {
        "group": "feed",
        "origin-topic": "feed-20260309",
        "origin-partition": "7",
        "origin-offset": "42",
        "error": "InvalidRecord: not JSON, 아님",
        "attempts": "1",
    }
    assert timedelta(0) <= datetime.now(UTC) - written < timedelta(minutes=1)


def test_each_topic_has_its_own_dead_letters(topics: None, broker: Broker) -> None:
    dead_letters.keep([_letter(), _letter(Topic.ACTIVITY)])
    assert len(broker.records(Topic.FEED.dead_letters)) == 1
    assert len(broker.records(Topic.ACTIVITY.dead_letters)) == 1


def test_a_record_without_a_value_can_be_dead_too(topics: None, broker: Broker) -> None:
    dead_letters.keep([_letter(value=None)])
    (record,) = broker.records(Topic.FEED.dead_letters)
    assert record.value == b""


def test_each_dead_letter_is_logged_with_its_place(
    topics: None, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters.keep([_letter()])
    assert "feed-20260309[7]@42: InvalidRecord: not JSON" in caplog.text


@pytest.fixture
def refusing(topics: None, settings: Settings) -> Iterator[None]:
    """Kafka is there, but the topics for dead letters are not."""
    settings.KAFKA_TOPIC_PREFIX = own("events-missing-")
    yield
    producer.close()  # it would ask for them again and again
    producer.current.reset()


@pytest.mark.usefixtures("db", "refusing")
def test_what_kafka_refuses_is_kept_in_mysql() -> None:
    dead_letters.keep([_letter(), _letter(Topic.ACTIVITY, offset=43, value=None)])
    first, second = DeadLetter.objects.order_by("pk")
    assert str(first) == "feed-20260309[7]@42"
    assert bytes(first.value) == b"\xff{"
    assert first.error == "InvalidRecord: not JSON, 아님"
    assert (first.topic, first.attempts, first.replayed_at) == ("feed", 1, None)
    assert timedelta(0) <= datetime.now(UTC) - first.created_at < timedelta(minutes=1)
    assert (second.topic, second.origin_offset, bytes(second.value)) == ("activity", 43, b"")


@pytest.mark.usefixtures("db", "topics")
def test_what_kafka_takes_is_not_in_mysql() -> None:
    dead_letters.keep([_letter()])
    assert not DeadLetter.objects.exists()


@pytest.mark.usefixtures("db", "topics")
def test_a_letter_that_is_too_large_for_kafka_is_kept_in_mysql() -> None:
    dead_letters.keep([_letter(value=b"x" * 2_000_000)])
    assert len(DeadLetter.objects.get().value) == 2_000_000


@pytest.mark.usefixtures("db", "refusing")
def test_a_record_that_dies_again_has_one_row_which_is_not_replayed_yet() -> None:
    dead_letters.keep([_letter()])
    DeadLetter.objects.update(replayed_at=datetime.now(UTC))
    dead_letters.keep([_letter(value=b"new")])
    row = DeadLetter.objects.get()
    assert (bytes(row.value), row.replayed_at) == (b"new", None)


@pytest.mark.usefixtures("db", "refusing")
def test_an_error_may_be_long_and_hold_anything() -> None:
    raw = Raw("feed-20260309", 7, 42, b"")
    dead_letters.keep(
        [dead_letters.letter(Topic.FEED, raw, ValueError("\n\ud800" * 1_000), group="feed")]
    )
    assert DeadLetter.objects.get().error.startswith("ValueError: \\ud800 \\ud800")


@pytest.mark.usefixtures("db")
def test_without_a_broker_nothing_is_said_to_be_kept(
    kafka_away: Callable[[], AbstractContextManager[None]], caplog: pytest.LogCaptureFixture
) -> None:
    with kafka_away(), pytest.raises(Unavailable):
        dead_letters.keep([_letter()])
    assert "dead letter" not in caplog.text
    assert not DeadLetter.objects.exists()


@pytest.mark.usefixtures("refusing", "transactional_db")
def test_without_a_place_for_it_nothing_is_said_to_be_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(connection, "ensure_connection", Mock(side_effect=OperationalError(2006)))
        connection.close()
        with pytest.raises(OperationalError):
            dead_letters.keep([_letter()])
    assert "dead letter" not in caplog.text
    dead_letters.keep([_letter()])
    assert "dead letter" in caplog.text
