"""The one poll loop: poll, decode, handle, and only then commit.

Whatever goes wrong on the way, uncommitted records come again, so handlers are idempotent.
The order of the steps is arroyo's (getsentry/arroyo, `processing/`): the commit is the last.
"""

import logging
import random
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any

from django.conf import settings
from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError
from kafka.structs import MemberState

from newsfeed.events import dead_letters, failures, metrics, tracing
from newsfeed.events.dead_letter_limit import DeadLetterLimit
from newsfeed.events.groups import Group
from newsfeed.events.models import DeadLetter
from newsfeed.events.stall import StallWatch
from newsfeed.exceptions import Unreadable
from newsfeed.kafka import readers, topic_admin, workarounds
from newsfeed.kafka.topic_admin import TopicState
from newsfeed.kafka.topics import Topic, days_to_read, parse

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
REFRESH_SECONDS = 30
MAX_BACKOFF_SECONDS = 5

Batch = dict[TopicPartition, list[Any]]


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, group: Group) -> None:
        self._group = group

    def on_partitions_revoked(self, revoked: object) -> None:
        """What moves away is read from its commit by its new owner."""

    def on_partitions_assigned(self, assigned: object) -> None:
        metrics.REBALANCES.labels(self._group.name).inc()


class Consumer:
    """A member of a group. It applies each record at least once, in batches of up to 1,000."""

    def __init__(self, group: Group, *, put_aside: bool = False) -> None:
        self._group = group
        self._has_offsets = False
        self._metrics = metrics.of(group)
        self._kafka = KafkaConsumer(
            **readers.options(group.id),
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            # The least that brokers allow by default: a dead member's records wait for so long.
            session_timeout_ms=6_000,
            heartbeat_interval_ms=2_000,
            metadata_max_age_ms=5_000,
        )
        workarounds.poll_patiently(self._kafka)
        self._topics: set[str] = set()
        self._topic_ids: dict[str, str] = {}
        self._handled: dict[TopicPartition, int] = {}
        self._refresh_at = 0.0
        self._limit = None if put_aside else DeadLetterLimit()
        self._stall = StallWatch()
        self._has_drained = False
        self._failures = 0
        self._resume_at = 0.0

    def step(self) -> int:
        """Handles one batch and commits it. Returns how many records it held. Raises CannotGoOn."""
        self._metrics.last_poll.set_to_current_time()
        if not self._has_offsets and not self._take_over():
            return 0
        self._refresh_topics()
        batch = self._poll()
        if batch:
            try:
                self._handle(batch)
            except failures.AWAY as error:
                self._hold(batch, error)
                return 0
            self._failures = 0
            self._metrics.held.set(0)  # also when what was held has gone to another member
            self._handled |= {partition: raws[-1].offset + 1 for partition, raws in batch.items()}
        self._commit()
        return sum(map(len, batch.values()))

    def close(self) -> None:
        """Leaves the group, so that the other members take over at once."""
        self._kafka.close(autocommit=False, timeout_ms=5_000)

    def _take_over(self) -> bool:
        """A new group begins where the one group of older versions has come to."""
        former = settings.KAFKA_CONSUMER_GROUP
        try:
            topic_admin.copy_offsets(former, self._group.id, self._is_mine)
        except topic_admin.BrokerUnavailable as error:
            logger.warning("cannot look for offsets: %s", error)
            time.sleep(POLL_SECONDS)
            return False
        self._has_offsets = True
        return True

    def _is_mine(self, name: str) -> bool:
        parsed = parse(name)
        return parsed is not None and parsed[0] in self._group.topics

    def _refresh_topics(self) -> None:
        """Subscribes to the topics of the day and to older ones with unread records.

        An explicit list: with a pattern, kafka-python can stall when a topic appears. Raises
        Stalled.
        """
        if time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + REFRESH_SECONDS
        wanted = {topic.on(day) for topic in self._group.topics for day in days_to_read()}
        try:
            every = topic_admin.topic_states(self._group.id)
            states = [state for state in every if self._is_mine(state.name)]
        except topic_admin.BrokerUnavailable as error:
            logger.warning("cannot look for unread topics: %s", error)
            self._stall.forget()
            wanted |= self._topics
        else:
            metrics.tell_lag(self._group, states)
            self._rewind_recreated({state.name: state.topic_id for state in states})
            self._look_for_stalls(states)
            wanted |= {state.name for state in states if state.lag}
        if wanted != self._topics:
            logger.info("consuming %s", ", ".join(sorted(wanted)))
            self._kafka.subscribe(sorted(wanted), listener=_Rebalances(self._group))
            self._topics = wanted

    def _rewind_recreated(self, topic_ids: dict[str, str]) -> None:
        """An offset in a topic that was deleted and recreated would skip its first records."""
        before, self._topic_ids = self._topic_ids, self._topic_ids | topic_ids
        recreated = {name for name, id_ in topic_ids.items() if before.get(name, id_) != id_}
        if mine := [tp for tp in self._kafka.assignment() if tp.topic in recreated]:
            logger.warning("read again from the start: %s", ", ".join(sorted(recreated)))
            self._kafka.seek_to_beginning(*mine)
            self._handled = {tp: end for tp, end in self._handled.items() if tp not in mine}

    def _look_for_stalls(self, states: list[TopicState]) -> None:
        """Raises Stalled.

        While they are paused, while the group is rebalanced, and as long as every poll is full, so
        that some only wait for their turn, partitions have reasons not to move.
        """
        drained, self._has_drained = self._has_drained, False
        joined = self._kafka.group_metadata().state == MemberState.STABLE
        if not joined or not drained:
            self._stall.forget()
            return
        ends = {(state.name, n): end for state in states for n, end in state.ends.items()}
        positions = {
            (tp.topic, tp.partition): self._position(tp)
            for tp in self._kafka.assignment() - self._kafka.paused()
        }
        self._stall.look(positions, ends)

    def _position(self, partition: TopicPartition) -> int:
        with suppress(KafkaError):
            return self._kafka.position(partition, timeout_ms=100) or 0
        return 0

    def _poll(self) -> Batch:
        """Sits an outage out polling, paused, and so stays in the group. Raises Unreadable."""
        wait = POLL_SECONDS
        if self._kafka.paused():
            wait = self._resume_at - time.monotonic()
            if wait <= 0:
                self._kafka.resume(*self._kafka.paused())
                self._metrics.held.set(0)
                wait = POLL_SECONDS
        try:
            batch: Batch = self._kafka.poll(timeout_ms=int(min(wait, POLL_SECONDS) * 1000))
        except (UnsupportedCodecError, CorruptRecordError) as error:
            # What came of polling again, in kafka-python 3.0.12: it never returned.
            raise Unreadable(f"there are records that cannot be read: {error!r}") from error
        except KafkaError as error:  # now and then, when the broker goes while the group forms
            logger.warning("cannot poll: %r", error)
            self._has_drained = True
            time.sleep(POLL_SECONDS)
            return {}
        self._has_drained |= sum(map(len, batch.values())) < readers.MAX_RECORDS
        return batch

    def _handle(self, batch: Batch) -> None:
        """Raises what `failures.apply` and `dead_letters.keep` raise, and TooManyDeadLetters."""
        raws: defaultdict[Topic, list[Any]] = defaultdict(list)
        for partition, some in batch.items():
            raws[_topic_of(partition)] += some
        outcomes = {}
        for topic, some in raws.items():
            with metrics.handling(self._group, topic, len(some)):
                outcomes[topic] = failures.apply(self._group, topic, some)
        every = [one for some in outcomes.values() for one in some]
        limit = self._limit and self._limit.plus([isinstance(one, DeadLetter) for one in every])
        if dead := [one for one in every if isinstance(one, DeadLetter)]:
            dead_letters.keep(dead)
        self._limit = limit
        for topic, some in outcomes.items():
            tracing.log(raws[topic], some)
        metrics.count(self._group, outcomes)

    def _hold(self, batch: Batch, error: Exception) -> None:
        """Puts the batch back and pauses; `_poll` resumes after a back-off with jitter.

        Going back instead of keeping the batch in hand needs no care for rebalances: partitions
        that move away meanwhile are read from their commit by their new owner.
        """
        for partition, raws in batch.items():
            self._kafka.seek(partition, raws[0].offset)
        self._kafka.pause(*self._kafka.assignment())
        seconds = min(MAX_BACKOFF_SECONDS, 0.2 * 2**self._failures) * random.uniform(0.5, 1)  # noqa: S311 # nosec B311
        self._failures = min(self._failures + 1, 10)
        self._resume_at = time.monotonic() + seconds
        self._metrics.held.set(1)
        logger.warning("holding for %.1f s: %r", seconds, error)

    def _commit(self) -> None:
        """What cannot be committed now is kept for the next step, as long as it is ours."""
        mine = self._kafka.assignment()
        self._handled = {tp: end for tp, end in self._handled.items() if tp in mine}
        if not self._handled:
            return
        offsets = {tp: OffsetAndMetadata(end, "", -1) for tp, end in self._handled.items()}
        try:
            self._kafka.commit(offsets, timeout_ms=5_000)
        except KafkaError as error:
            logger.warning("not committed yet: %r", error)
            self._metrics.commit_failures.inc()
            return
        self._handled = {}


def _topic_of(partition: TopicPartition) -> Topic:
    parsed = parse(partition.topic)
    assert parsed is not None, partition.topic
    return parsed[0]
