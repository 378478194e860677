import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from conftest import Broker
from feeds.events import FeedRecord
from follows.events import Followed
from newsfeed.events.consumer import Consumer
from newsfeed.events.groups import Group, Handler, groups
from newsfeed.events.registry import encode, event_types
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from tests.broker import topic_of
from tests.names import own

GROUP = own("events")
Send = Callable[..., list[FeedRecord]]
Start = Callable[..., Consumer]
KNOWN = Followed(
    event_id=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    occurred_at=datetime(2026, 3, 9, tzinfo=UTC),
    actor_id=1,
    followee_id=2,
)


class Recorder:
    """A handler that keeps what it gets, and fails when it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []
        self.records: list[Any] = []
        self.errors: list[BaseException] = []
        """Raised one a call."""
        self.poison: set[int] = set()
        """Posts whose records fail every call that holds them."""

    def __call__(self, records: list[Any]) -> None:
        self.calls.append(records)
        if self.errors:
            raise self.errors.pop(0)
        if bad := self.poison & {getattr(record, "post_id", 0) for record in records}:
            raise ValueError(f"poison {min(bad)}")
        self.records += records


@pytest.fixture
def handler() -> Recorder:
    return Recorder()


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes a consumer of one topic, which leaves its group at the end of the test."""
    consumers: list[Consumer] = []

    def consume(handler: Handler, topic: Topic = Topic.FEED) -> Consumer:
        consumers.append(Consumer(group_of(handler, topic)))
        return consumers[-1]

    yield consume
    for consumer in consumers:
        consumer.close()


def group_of(handler: Handler, topic: Topic) -> Group:
    """Of all records of the topic, with the name of the consumer that reads it in earnest."""
    if topic is Topic.FEED:
        return Group("feed", handler, (FeedRecord,))
    return Group("visibility", handler, tuple(event_types().values()))


def step_until(reached: Callable[[], object], *consumers: Consumer, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        for consumer in consumers:
            consumer.step()


@pytest.fixture
def topics(broker: Broker, settings: Settings) -> None:
    """A consumer group and topics, of three partitions, that the feeds' consumer does not know."""
    settings.KAFKA_TOPIC_PREFIX = own("events-")
    settings.KAFKA_CONSUMER_GROUP = GROUP
    settings.KAFKA_PARTITIONS = 3
    topic_admin.ensure_topics()
    broker.mark()
    broker.skip_to_end()
    producer.warm()


@pytest.fixture
def send() -> Send:
    """Feed records about these posts, on today's topic or another; returns when they are there."""

    def to_kafka(*post_ids: int, topic: str = "", key: int = 0) -> list[FeedRecord]:
        records = [_record(post_id) for post_id in post_ids]
        send_raw(*map(encode, records), topic=topic, key=key)
        return records

    return to_kafka


def _record(post_id: int) -> FeedRecord:
    return FeedRecord(post_id, 1, 2, "안녕", datetime(2026, 3, 9, tzinfo=UTC))


def send_raw(*values: bytes, topic: str = "", key: int = 0) -> None:
    name = topic or Topic.FEED.today()
    producer.send(producer.Message(name, key, value) for value in values).wait(60)


def lag() -> int:
    """What the groups have not committed of the topics that they read."""
    return sum(
        state.lag
        for group in groups()
        for state in topic_admin.topic_states(group.id)
        if topic_of(state.name) in group.topics
    )
