"""What a consumer tells Prometheus. Labels are bounded: topics by name, never by date."""

from collections import Counter as Tallies
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from prometheus_client import Counter, Gauge, Histogram

from newsfeed.events.failures import RETRIED, Outcome, Skipped
from newsfeed.events.groups import Group
from newsfeed.events.models import DeadLetter
from newsfeed.kafka.topic_admin import TopicState
from newsfeed.kafka.topics import Topic, parse

CONSUMED = Counter(
    "feed_events_consumed_total", "Records handled.", ["consumer", "topic", "outcome"]
)
DEAD_LETTERS = Counter(
    "feed_dlq_total", "Records put aside, by why.", ["consumer", "topic", "reason"]
)
SKIPPED = Counter(
    "feed_events_skipped_total",
    "Records of types that the consumer has not subscribed to, or that this version does not know.",
    ["consumer", "type"],
)
SECONDS = Histogram(
    "feed_event_processing_seconds",
    "What a batch of one topic took to handle, tries that were held included.",
    ["consumer", "topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH = Histogram(
    "feed_batch_size",
    "Records of one topic in a batch.",
    ["consumer", "topic"],
    buckets=(1, 3, 10, 30, 100, 300, 1_000),
)
LAG = Gauge(
    "feed_consumer_lag",
    "Records that the whole group has not committed, as Kafka tells each member now and then.",
    ["consumer", "topic"],
    multiprocess_mode="livemax",  # the admin's replay brings all of this into the API
)
HELD = Gauge(
    "feed_consumer_held",
    "1 while consuming waits for something that is away.",
    ["consumer"],
    multiprocess_mode="livemax",
)
LAST_POLL = Gauge(
    "feed_last_poll_timestamp_seconds",
    "When Kafka was last asked for records.",
    ["consumer"],
    multiprocess_mode="livemax",
)
REBALANCES = Counter(
    "feed_rebalances_total", "Assignments of partitions to this member.", ["consumer"]
)
COMMIT_FAILURES = Counter("feed_commit_failures_total", "Commits that were put off.", ["consumer"])

MAX_TYPES = 20
"""Skipped types with a label of their own. Producers may write any: further ones are `other`."""
_types: set[str] = set()


class Metrics(NamedTuple):
    """Of one consumer."""

    held: Gauge
    last_poll: Gauge
    commit_failures: Counter


def of(group: Group) -> Metrics:
    """A rate needs the zero before the first error, so all that can be counted begins at it."""
    name = group.name
    SKIPPED.labels(name, "other"), REBALANCES.labels(name)
    for topic in group.topics:
        SECONDS.labels(name, topic), BATCH.labels(name, topic), RETRIED.labels(name, topic)
        for outcome in ("ok", "dead_letter", "skipped"):
            CONSUMED.labels(name, topic, outcome)
        for reason in ("invalid", "failed"):
            DEAD_LETTERS.labels(name, topic, reason)
    return Metrics(HELD.labels(name), LAST_POLL.labels(name), COMMIT_FAILURES.labels(name))


def tell_lag(group: Group, states: Iterable[TopicState]) -> None:
    """Of the dated topics that the group reads."""
    lags = Tallies(dict.fromkeys(group.topics, 0))
    for state in states:
        if parsed := parse(state.name):
            lags[parsed[0]] += state.lag
    for topic, lag in lags.items():
        LAG.labels(group.name, topic).set(lag)


@contextmanager
def handling(group: Group, topic: Topic, records: int) -> Iterator[None]:
    """Times the block, also if it raises."""
    BATCH.labels(group.name, topic).observe(records)
    with SECONDS.labels(group.name, topic).time():
        yield


def count(group: Group, outcomes: Mapping[Topic, Sequence[Outcome]]) -> None:
    """Counts a batch that was handled."""
    for topic, some in outcomes.items():
        CONSUMED.labels(group.name, topic, "ok").inc(some.count(None))
        for outcome in some:
            if isinstance(outcome, Skipped):
                CONSUMED.labels(group.name, topic, "skipped").inc()
                SKIPPED.labels(group.name, _label(outcome.type)).inc()
            elif isinstance(outcome, DeadLetter):
                CONSUMED.labels(group.name, topic, "dead_letter").inc()
                # What cannot be decoded is not tried again.
                reason = "failed" if outcome.attempts > 1 else "invalid"
                DEAD_LETTERS.labels(group.name, topic, reason).inc()


def _label(type_: str) -> str:
    if len(_types) < MAX_TYPES:
        _types.add(type_)
    return type_ if type_ in _types else "other"
