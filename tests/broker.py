"""Kafka, looked at past the product's own clients."""

import time
from typing import Any

from django.conf import settings as django_settings
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import RetriableError, UnknownMemberIdError, UnknownTopicOrPartitionError

from newsfeed.events.groups import Group, groups
from newsfeed.kafka.topics import Topic, parse
from tests.names import own

LEAVES_SECONDS = 3
"""In which one that leaves its group has left. One that only vanished is counted for 6."""


def topic_of(name: str) -> Topic | None:
    parsed = parse(name)
    return parsed[0] if parsed else None


class Broker:
    """Looks at the topics past the product's own clients."""

    def __init__(self) -> None:
        servers = django_settings.KAFKA_BOOTSTRAP_SERVERS
        self._admin = KafkaAdminClient(bootstrap_servers=servers)
        self._kafka = KafkaConsumer(bootstrap_servers=servers, group_id=None)
        self._marks: dict[TopicPartition, int] = {}

    def close(self) -> None:
        self._kafka.close()
        self._admin.close()

    def mark(self) -> None:
        """What is on the topics by now is old."""
        self._marks = self.ends()

    def records(self, topic: str, seconds: float = 60) -> list[Any]:
        """What has come since the mark, by partition and offset."""
        ends = {tp: end for tp, end in self.ends().items() if tp.topic == topic}
        new = [tp for tp, end in ends.items() if end > self._marks.get(tp, 0)]
        self._kafka.assign(new)
        for tp in new:
            self._kafka.seek(tp, self._marks.get(tp, 0))
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        while any(self._kafka.position(tp) < ends[tp] for tp in new):
            assert time.monotonic() < deadline, f"{topic}: got only {len(found)} records"
            found += [one for batch in self._kafka.poll(1_000).values() for one in batch]
        return sorted(found, key=lambda record: (record.partition, record.offset))

    def skip_to_end(self, *group_ids: str) -> None:
        """These consumer groups, which must have no members, have read everything."""
        ends = self.ends()
        for group_id in group_ids or [group.id for group in groups()]:
            self.commit(group_id, ends)

    def lags(self) -> dict[str, int]:
        """What each consumer has not committed of the topics that it reads; none if nothing."""
        ends = self.ends()
        unread = {group.name: self._unread(group, ends) for group in groups()}
        return {name: records for name, records in unread.items() if records}

    def _unread(self, group: Group, ends: dict[TopicPartition, int]) -> int:
        offsets = self._admin.list_group_offsets(group.id)[group.id]
        unread = 0
        for tp, end in ends.items():
            if topic_of(tp.topic) in group.topics:
                read = offsets[tp].offset if tp in offsets else 0
                unread += end - read if read <= end else end  # beyond it: of a deleted topic
        return unread

    def commit(self, group: str, offsets: dict[TopicPartition, int]) -> None:
        """The consumer group, which must have no members, has read up to there."""
        ends = {tp: OffsetAndMetadata(end, "", -1) for tp, end in offsets.items()}
        deadline = time.monotonic() + 60
        while True:
            try:
                self._admin.alter_group_offsets(group, ends)
            # A new broker's first group waits for its coordinator, or a member is yet to leave.
            except (RetriableError, UnknownMemberIdError):
                assert time.monotonic() < deadline
            else:
                return

    def members(self, group: str) -> int:
        """How many the group counts by now. One that only vanished is counted for 6 s more."""
        return len(self._admin.describe_groups([group])[group]["members"])

    def ends(self) -> dict[TopicPartition, int]:
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in self._admin.describe_topics()
            if topic["name"].startswith(own(""))
            for partition in topic["partitions"]
        ]
        latest = self._admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        return {tp: found.offset for tp, found in latest.items()}

    def delete(self, prefix: str, *group_ids: str) -> None:
        """Removes topics, and consumer groups: these, or those of the consumers."""
        self.delete_topics(*(n for n in self._admin.list_topics() if n.startswith(prefix)))
        self._admin.delete_groups(list(group_ids) or [group.id for group in groups()])

    def delete_topics(self, *names: str) -> None:
        """Returns when they are gone: Kafka goes on deleting after it has answered."""
        self._admin.delete_topics(list(names), raise_errors=False)  # it may list one that is gone
        deadline = time.monotonic() + 60
        while not self._are_gone(names):
            assert time.monotonic() < deadline

    def _are_gone(self, names: tuple[str, ...]) -> bool:
        try:
            return not any(tp.topic in names for tp in self.ends())
        except UnknownTopicOrPartitionError:
            return False

    def create_topic(self, name: str) -> None:
        options = {"num_partitions": 1, "replication_factor": 1}
        self._admin.create_topics({name: options}, wait_for_metadata=True)

    def config(self, topic: str) -> dict[str, str]:
        """The options that the topic was created with."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        options = self._admin.describe_configs([resource], config_filter="all")["topic"][topic]
        return {name: option["value"] for name, option in options.items()}
