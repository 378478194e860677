"""Reads topics from the first of some offsets up to the last, past the consumer groups."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from django.conf import settings
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaTimeoutError

from newsfeed.kafka import topic_admin
from newsfeed.kafka.topics import Topic

MAX_RECORDS = 1_000
"""Of one poll."""
POLL_SECONDS = 1.0
SILENT_SECONDS = 10
"""Without a record, although there are some: the broker does not answer."""


def options(group: str | None) -> dict[str, Any]:
    """Of a client that commits by hand; without a group, it commits nothing."""
    return {
        "bootstrap_servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        # Named, so that the constructor need not wait for a broker to tell it.
        "api_version": (4, 3),
        "group_id": group,
        "enable_auto_commit": False,
        # A topic that is discovered late is read from its start.
        "auto_offset_reset": "earliest",
        "max_poll_records": MAX_RECORDS,
        "reconnect_backoff_max_ms": 1_000,
        # A connection that went dead without a word is given up after it.
        "request_timeout_ms": 10_000,
        "metrics_enabled": False,
    }


def _read(kafka: KafkaConsumer, ends: Mapping[TopicPartition, int]) -> Iterator[list[Any]]:
    """What stands before these offsets, in batches. Raises BrokerUnavailable."""
    give_up_at = time.monotonic() + SILENT_SECONDS
    with topic_admin.answering():
        while any((kafka.position(tp, timeout_ms=5_000) or 0) < end for tp, end in ends.items()):
            batch = kafka.poll(timeout_ms=int(POLL_SECONDS * 1000))
            if batch:
                yield [raw for tp, raws in batch.items() for raw in raws if raw.offset < ends[tp]]
                give_up_at = time.monotonic() + SILENT_SECONDS  # after what the caller took
            elif time.monotonic() > give_up_at:
                raise KafkaTimeoutError(f"no record for {SILENT_SECONDS} s")


class DeadLetterReader:
    """Reads the dead letters on Kafka, from where the last reader has come to.

    Partitions are assigned by hand: there is one reader at a time. Raises BrokerUnavailable.
    """

    def __init__(self) -> None:
        self._kafka = KafkaConsumer(**options(f"{settings.KAFKA_CONSUMER_GROUP}-replay"))

    def read(self, topic: Topic, ends: Mapping[int, int]) -> Iterator[Any]:
        """Those before these offsets, {partition: offset}."""
        goal = {TopicPartition(topic.dead_letters, number): end for number, end in ends.items()}
        self._kafka.assign(list(goal))
        for raws in _read(self._kafka, goal):
            yield from raws

    @topic_admin.answering()
    def commit(self, raw: Any) -> None:
        """No reader gets this one again, nor those before it."""
        partition = TopicPartition(raw.topic, raw.partition)
        offsets = {partition: OffsetAndMetadata(raw.offset + 1, "", -1)}
        self._kafka.commit(offsets, timeout_ms=5_000)

    def close(self) -> None:
        self._kafka.close(autocommit=False, timeout_ms=5_000)


def read_once(offsets: Mapping[TopicPartition, tuple[int, int]]) -> Iterator[list[Any]]:
    """The raw records of partitions from the first of two offsets up to the last, in batches.

    Without a group: nothing is committed, and no consumer notices. Raises BrokerUnavailable.
    """
    with closing(KafkaConsumer(**options(None))) as kafka:
        kafka.assign(list(offsets))
        for partition, (first, _) in offsets.items():
            kafka.seek(partition, first)
        yield from _read(kafka, {partition: last for partition, (_, last) in offsets.items()})
