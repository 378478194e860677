"""Creates and deletes topics, and tells what is on them and how far the consumers have come."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from django.conf import settings
from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic, audit_log, days_from_today, is_ours

DAY_MS = 24 * 3600 * 1000
DEAD_LETTER_DAYS = 30
AUDIT_LOG_DAYS = 3_650


class BrokerUnavailable(Unavailable):
    """Kafka did not answer, or refused."""


class TopicState(NamedTuple):
    name: str
    topic_id: str
    """Another one, when the topic was deleted and recreated."""
    partitions: int
    records: int
    lag: int
    """Records that the group has not yet committed; without one, all."""
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
def answering() -> Iterator[None]:
    """Makes every error of the client a BrokerUnavailable."""
    try:
        yield
    except KafkaError as error:
        raise BrokerUnavailable(repr(error)) from error


@contextmanager
def _client(seconds: float | None = None) -> Iterator[KafkaAdminClient]:
    with answering():
        client = _AdminClient(
            bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
            bootstrap_timeout_ms=int(1_000 * (seconds or settings.TIME_LIMITS.kafka_connect)),
            request_timeout_ms=10_000,
        )
        try:
            yield client
        finally:
            client.close()


def ping() -> None:
    """Raises BrokerUnavailable when no broker answers within `kafka_ping` seconds."""
    with _client(settings.TIME_LIMITS.kafka_ping):
        pass


def ensure_topics(days: int = 2) -> list[str]:
    """Creates the missing topics of today and the next days, and those without a day.

    Returns the names of those it created. Raises BrokerUnavailable.
    """
    wanted = {topic.on(day): _options() for topic in Topic for day in days_from_today(days)}
    wanted |= {t.dead_letters: _options(partitions=1, days=DEAD_LETTER_DAYS) for t in Topic}
    wanted[audit_log()] = _options(partitions=1, days=AUDIT_LOG_DAYS)
    with _client() as client:
        missing = {name: wanted[name] for name in wanted.keys() - set(client.list_topics())}
        if missing:
            try:
                client.create_topics(missing, wait_for_metadata=True)
            except TopicAlreadyExistsError:  # somebody else was faster
                client.wait_for_topics(list(missing))
    return sorted(missing)


def _options(partitions: int | None = None, days: int | None = None) -> dict[str, object]:
    # As the relay packs them: what a cluster may prefer, such as zstd, no consumer here can read.
    configs = {"compression.type": "producer"}
    configs["retention.ms"] = str((days or settings.KAFKA_RETENTION_DAYS) * DAY_MS)
    if settings.KAFKA_MIN_INSYNC_REPLICAS is not None:
        configs["min.insync.replicas"] = str(settings.KAFKA_MIN_INSYNC_REPLICAS)
    return {
        "num_partitions": partitions or settings.KAFKA_PARTITIONS,
        "replication_factor": settings.KAFKA_REPLICATION_FACTOR,
        "configs": configs,
    }


def topic_states(group: str | None = None) -> list[TopicState]:
    """Every topic of this installation, by name. Raises BrokerUnavailable."""
    with _client() as client:
        topics = _offsets(client, is_ours)
        committed = _committed(client, group) if group else {}
    return [
        TopicState(
            topic.name,
            topic.topic_id,
            partitions=len(topic.ends),
            records=sum(last - first for first, last in topic.ends.values()),
            lag=topic.unread(committed),
            ends={tp.partition: last for tp, (_, last) in topic.ends.items()},
        )
        for topic in topics
    ]


def unread(
    is_wanted: Callable[[str], bool], readers: Callable[[str], Collection[str]], former: str
) -> dict[str, Mapping[str, int]]:
    """Of each topic with such a name, the records that a group has yet to read: {group: number}.

    The topic's readers count, and every group that has ever committed an offset on it, but for a
    former one of ours. Raises BrokerUnavailable.
    """
    with _client() as client:
        topics = _offsets(client, is_wanted)
        groups = {group["group_id"] for group in client.list_groups()} - {former}
        groups |= {group for topic in topics for group in readers(topic.name)}
        committed = {group: _committed(client, group) for group in sorted(groups)}
    return {
        topic.name: {
            group: left
            for group, offsets in committed.items()
            if (group in readers(topic.name) or offsets.keys() & topic.ends.keys())
            and (left := topic.unread(offsets))
        }
        for topic in topics
    }


_COPIED = {NoError, UnknownMemberIdError, UnknownTopicOrPartitionError}
"""Or another member was faster and reads already, or the topic is gone."""


def copy_offsets(source: str, target: str, is_wanted: Callable[[str], bool]) -> None:
    """Of topics with such a name, to a group that has committed nothing yet.

    Raises BrokerUnavailable.
    """
    with _client() as client:
        if _committed(client, target):
            return
        found = {tp: end for tp, end in _committed(client, source).items() if is_wanted(tp.topic)}
        if found:
            offsets = {tp: OffsetAndMetadata(end, "", -1) for tp, end in found.items()}
            refused = set(client.alter_group_offsets(target, offsets).values()) - _COPIED
            if refused:
                raise BrokerUnavailable(f"{target} cannot take over offsets: {refused}")


def offsets(name: str) -> dict[TopicPartition, tuple[int, int]]:
    """Of each partition the first offset that is there and the one after the last.

    Nothing for a topic that does not exist. Raises BrokerUnavailable.
    """
    with _client() as client:
        topics = _offsets(client, name.__eq__)
    return topics[0].ends if topics else {}


def delete_topics(names: Iterable[str]) -> None:
    """Those that exist. Raises BrokerUnavailable."""
    with _client() as client:
        for name in names:
            with suppress(UnknownTopicOrPartitionError):  # somebody else was faster
                client.delete_topics([name])


class _Topic(NamedTuple):
    name: str
    topic_id: str
    ends: dict[TopicPartition, tuple[int, int]]
    """The first offset that is there, and the one after the last."""

    def unread(self, committed: Mapping[TopicPartition, int]) -> int:
        """An offset beyond the end is from before the topic was recreated: nothing is read."""
        return sum(
            last - (done if first <= (done := committed.get(tp, 0)) <= last else first)
            for tp, (first, last) in self.ends.items()
        )


def _offsets(client: KafkaAdminClient, is_wanted: Callable[[str], bool]) -> list[_Topic]:
    """The topics with such names, by name. One that is just being deleted is listed a moment."""
    for _ in range(10):
        try:
            return _offsets_now(client, is_wanted)
        except UnknownTopicOrPartitionError:
            time.sleep(0.1)
    return _offsets_now(client, is_wanted)


def _offsets_now(client: KafkaAdminClient, is_wanted: Callable[[str], bool]) -> list[_Topic]:
    partitions = {
        (topic["name"], str(topic["topic_id"])): [
            TopicPartition(topic["name"], p["partition_index"]) for p in topic["partitions"]
        ]
        for topic in client.describe_topics()
        if is_wanted(topic["name"])
    }
    every = [tp for tps in partitions.values() for tp in tps]
    first = client.list_partition_offsets(dict.fromkeys(every, OffsetSpec.EARLIEST))
    last = client.list_partition_offsets(dict.fromkeys(every, OffsetSpec.LATEST))
    return [
        _Topic(*topic, {tp: (first[tp].offset, last[tp].offset) for tp in tps})
        for topic, tps in sorted(partitions.items())
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
