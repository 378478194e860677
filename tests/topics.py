"""What is on the running service's topics, seen from outside."""

import json
import re
from contextlib import closing
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec

# The names that the service got from the environment; django.conf has the ones for unit tests.
from newsfeed.settings import KAFKA_CONSUMER_GROUP, KAFKA_TOPIC_PREFIX

GROUPS = {"feed": f"{KAFKA_CONSUMER_GROUP}-feed", "activity": f"{KAFKA_CONSUMER_GROUP}-visibility"}
"""Which consumer group reads a topic, by what its name begins with."""
FEED = rf"{KAFKA_TOPIC_PREFIX}feed-\d{{8}}"
ACTIVITY = rf"{KAFKA_TOPIC_PREFIX}activity-\d{{8}}"
DEAD_LETTERS = rf"{KAFKA_TOPIC_PREFIX}(feed|activity)\.DLT"

Offsets = dict[TopicPartition, int]


class Record(NamedTuple):
    topic: str
    key: bytes
    value: dict[str, Any]


class Topics:
    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers

    def ends(self, names: str) -> Offsets:
        """How many records were ever written, by partition of the topics with such names."""
        with closing(KafkaAdminClient(bootstrap_servers=self._servers)) as admin:
            partitions = [
                TopicPartition(topic["name"], partition["partition_index"])
                for topic in admin.describe_topics()
                if re.fullmatch(names, topic["name"])
                for partition in topic["partitions"]
            ]
            found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            return {partition: result.offset for partition, result in found.items()}

    def lag(self) -> dict[str, int]:
        """How many records the consumers have not committed, by topic; no topic if none.

        Raises RetriableError while a broker that has just started loads the offsets.
        """
        ends = self.ends(f"{FEED}|{ACTIVITY}")
        with closing(KafkaAdminClient(bootstrap_servers=self._servers)) as admin:
            committed = {
                partition: offset
                for group in GROUPS.values()
                for partition, offset in admin.list_group_offsets(group)[group].items()
            }
        lag: dict[str, int] = {}
        for partition, end in ends.items():
            done = committed[partition].offset if partition in committed else 0
            if end > done:
                lag[partition.topic] = lag.get(partition.topic, 0) + end - done
        return lag

    def shares(self) -> dict[str, int]:
        """How many partitions each feed consumer has, by member; none while they are shared out."""
        with closing(KafkaAdminClient(bootstrap_servers=self._servers)) as admin:
            group = admin.describe_groups([GROUPS["feed"]])[GROUPS["feed"]]
        if group["group_state"] != "Stable":
            return {}
        return {
            member["member_id"]: sum(
                len(topic["partitions"])
                for topic in member["member_assignment"]["assigned_partitions"]
            )
            for member in group["members"]
        }

    def members(self) -> int:
        """How many feed consumers there are. One that only vanished is counted for 6 s more."""
        with closing(KafkaAdminClient(bootstrap_servers=self._servers)) as admin:
            group = admin.describe_groups([GROUPS["feed"]])[GROUPS["feed"]]
        return len(group["members"])

    def feed_records(self, since: Offsets) -> list[Record]:
        """What has come to the feed topics, read without a consumer group."""
        records = []
        ends = self.ends(FEED)
        with closing(KafkaConsumer(bootstrap_servers=self._servers)) as kafka:
            kafka.assign(list(ends))
            for partition in ends:
                kafka.seek(partition, since.get(partition, 0))
            while any(kafka.position(partition) < end for partition, end in ends.items()):
                for batch in kafka.poll(timeout_ms=500, max_records=10_000).values():
                    records += [Record(r.topic, r.key, json.loads(r.value)) for r in batch]
        return records
