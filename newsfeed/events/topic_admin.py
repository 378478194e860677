"""Creates topics, and tells what is on them and how far the consumers have come."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.conf import settings
from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    TopicAlreadyExistsError,
)
from kafka.structs import TopicPartition

from newsfeed.events.exceptions import Unavailable
from newsfeed.events.topics import Topic, days_from_today, is_ours

DAY_MS = 24 * 3600 * 1000
DEAD_LETTER_DAYS = 30


class BrokerUnavailable(Unavailable):
    """Kafka did not answer, or refused."""


class TopicState(NamedTuple):
    name: str
    topic_id: str
    """Another one, when the topic was deleted and made anew."""
    partitions: int
    records: int
    lag: int
    """Records that the consumer group has not yet committed."""
    ends: dict[int, int]
    """{partition: offset of the next record}"""


class _AdminClient(KafkaAdminClient):  # type: ignore[misc]
    """kafka-python leaves a thread running when no broker answers the constructor."""

    def __init__(self, **config: Any) -> None:
        self._closed = False
        try:
            super().__init__(**config)
        except KafkaError:
            self.close()
            raise


@contextmanager
def _client(timeout_ms: int = 2_000) -> Iterator[KafkaAdminClient]:
    try:
        client = _AdminClient(
            bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
            bootstrap_timeout_ms=timeout_ms,
            request_timeout_ms=10_000,
        )
        try:
            yield client
        finally:
            client.close()
    except KafkaError as error:
        raise BrokerUnavailable(repr(error)) from error


def ping() -> None:
    """Raises BrokerUnavailable when no broker answers within half a second."""
    with _client(timeout_ms=500):
        pass


def ensure_topics(days: int = 2) -> list[str]:
    """Creates what is missing of today's and the next days' topics and of the dead letters'.

    Returns the names of those it created. Raises BrokerUnavailable.
    """
    wanted = {topic.on(day): _options() for topic in Topic for day in days_from_today(days)}
    wanted |= {t.dead_letters: _options(partitions=1, days=DEAD_LETTER_DAYS) for t in Topic}
    with _client() as client:
        missing = {name: wanted[name] for name in wanted.keys() - set(client.list_topics())}
        if missing:
            try:
                client.create_topics(missing, wait_for_metadata=True)
            except TopicAlreadyExistsError:  # somebody else was faster
                client.wait_for_topics(list(missing))
    return sorted(missing)


def _options(partitions: int | None = None, days: int | None = None) -> dict[str, object]:
    configs = {"retention.ms": str((days or settings.KAFKA_RETENTION_DAYS) * DAY_MS)}
    if settings.KAFKA_MIN_INSYNC_REPLICAS is not None:
        configs["min.insync.replicas"] = str(settings.KAFKA_MIN_INSYNC_REPLICAS)
    return {
        "num_partitions": partitions or settings.KAFKA_PARTITIONS,
        "replication_factor": settings.KAFKA_REPLICATION_FACTOR,
        "configs": configs,
    }


def topic_states() -> list[TopicState]:
    """Every topic of this installation, by name. Raises BrokerUnavailable."""
    with _client() as client:
        topics = [topic for topic in client.describe_topics() if is_ours(topic["name"])]
        partitions = {
            (topic["name"], str(topic["topic_id"])): [
                TopicPartition(topic["name"], p["partition_index"]) for p in topic["partitions"]
            ]
            for topic in topics
        }
        every = [tp for tps in partitions.values() for tp in tps]
        first = client.list_partition_offsets(dict.fromkeys(every, OffsetSpec.EARLIEST))
        last = client.list_partition_offsets(dict.fromkeys(every, OffsetSpec.LATEST))
        committed = _committed(client, settings.KAFKA_CONSUMER_GROUP)
    return [
        TopicState(
            name,
            topic_id,
            partitions=len(tps),
            records=sum(last[tp].offset - first[tp].offset for tp in tps),
            lag=sum(last[tp].offset - max(committed.get(tp, 0), first[tp].offset) for tp in tps),
            ends={tp.partition: last[tp].offset for tp in tps},
        )
        for (name, topic_id), tps in sorted(partitions.items())
    ]


def _committed(client: KafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    """A broker's first group waits a moment for the topic that keeps the offsets."""
    for _ in range(10):
        try:
            offsets = client.list_group_offsets(group)[group]
            return {tp: offset.offset for tp, offset in offsets.items()}
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError):
            time.sleep(0.3)
    raise BrokerUnavailable(f"no coordinator for the consumer group {group}")
