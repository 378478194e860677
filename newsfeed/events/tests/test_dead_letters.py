from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from conftest import Broker
from newsfeed.events import dead_letters
from newsfeed.events.dead_letters import DeadLetter
from newsfeed.events.producer import PublishError
from newsfeed.events.schemas import InvalidRecord
from newsfeed.events.topics import Topic


@dataclass
class Raw:
    topic: str
    partition: int
    offset: int
    value: bytes | None


LETTER = DeadLetter(
    Topic.FEED, Raw("feed-20260309", 7, 42, b"\xff{"), InvalidRecord("not JSON, 아님")
)


def test_a_dead_letter_tells_where_it_is_from_and_why(topics: None, broker: Broker) -> None:
    dead_letters.publish([LETTER])
    (record,) = broker.records(Topic.FEED.dead_letters)
    assert record.value == b"\xff{"
    headers = {name: text.decode() for name, text in record.headers}
    written = datetime.fromisoformat(headers.pop("time"))
    assert headers == {
        "origin-topic": "feed-20260309",
        "origin-partition": "7",
        "origin-offset": "42",
        "error": "InvalidRecord: not JSON, 아님",
        "attempts": "1",
    }
    assert timedelta(0) <= datetime.now(UTC) - written < timedelta(minutes=1)


def test_each_topic_has_its_own_dead_letters(topics: None, broker: Broker) -> None:
    dead_letters.publish([LETTER, LETTER._replace(topic=Topic.ACTIVITY)])
    assert len(broker.records(Topic.FEED.dead_letters)) == 1
    assert len(broker.records(Topic.ACTIVITY.dead_letters)) == 1


def test_a_record_without_a_value_can_be_dead_too(topics: None, broker: Broker) -> None:
    dead_letters.publish([LETTER._replace(raw=Raw("feed-20260309", 7, 43, None))])
    (record,) = broker.records(Topic.FEED.dead_letters)
    assert record.value == b""


def test_each_dead_letter_is_logged_with_its_place(
    topics: None, caplog: pytest.LogCaptureFixture
) -> None:
    dead_letters.publish([LETTER])
    assert "feed-20260309[7]@42: not JSON" in caplog.text


def test_without_a_broker_nothing_is_said_to_be_kept(
    kafka_away: Callable[[], AbstractContextManager[None]], caplog: pytest.LogCaptureFixture
) -> None:
    with kafka_away(), pytest.raises(PublishError):
        dead_letters.publish([LETTER])
    assert "dead letter" not in caplog.text
