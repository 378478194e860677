"""A client that no longer fetches looks like one that has nothing to do.

kafka-python has had such bugs (dpkp/kafka-python #3106, #3131). Only the broker can tell the two
apart, so where a partition ends is asked of it through another client.
"""

import time
from collections.abc import Mapping

from newsfeed.exceptions import CannotGoOn

STALL_SECONDS = 60

Partition = tuple[str, int]


class Stalled(CannotGoOn):
    """One line, for people."""


class StallWatch:
    """Of the partitions that could be read: where each stands, and since when."""

    def __init__(self) -> None:
        self._since: dict[Partition, tuple[int, float]] = {}

    def look(self, positions: Mapping[Partition, int], ends: Mapping[Partition, int]) -> None:
        """Raises Stalled for a partition that has records, and has not moved for a minute."""
        now = time.monotonic()
        since: dict[Partition, tuple[int, float]] = {}
        for partition, position in positions.items():
            if position >= ends.get(partition, 0):
                continue
            before = self._since.get(partition)
            since[partition] = before if before and before[0] == position else (position, now)
            seconds = now - since[partition][1]
            if seconds >= STALL_SECONDS:
                topic, number = partition
                raise Stalled(
                    f"{topic}[{number}] stands at {position} of {ends[partition]}"
                    f" for {seconds:.0f} s, although nothing is away"
                )
        self._since = since

    def forget(self) -> None:
        """There was a reason not to read."""
        self._since = {}
