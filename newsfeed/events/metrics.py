"""What a consumer tells Prometheus. Labels are bounded: topics by name, never by date."""

from collections import Counter as Tallies
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from newsfeed.events.failures import Outcome, Skipped
from newsfeed.events.models import DeadLetter
from newsfeed.kafka.topic_admin import TopicState
from newsfeed.kafka.topics import Topic, parse

CONSUMED = Counter("feed_events_consumed_total", "Records handled.", ["topic", "outcome"])
DEAD_LETTERS = Counter("feed_dlq_total", "Records put aside, by why.", ["topic", "reason"])
SKIPPED = Counter(
    "feed_events_skipped_total", "Records of types that this version does not know.", ["type"]
)
SECONDS = Histogram(
    "feed_event_processing_seconds",
    "What a batch of one topic took to handle, tries that were held included.",
    ["topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BATCH = Histogram(
    "feed_batch_size",
    "Records of one topic in a batch.",
    ["topic"],
    buckets=(1, 3, 10, 30, 100, 300, 1_000),
)
LAG = Gauge(
    "feed_consumer_lag",
    "Records that the whole group has not committed, as Kafka tells each member now and then.",
    ["topic"],
    multiprocess_mode="livemax",  # the admin's replay brings all of this into the API
)
HELD = Gauge(
    "feed_consumer_held",
    "1 while consuming waits for something that is away.",
    multiprocess_mode="livemax",
)
LAST_POLL = Gauge(
    "feed_last_poll_timestamp_seconds",
    "When Kafka was last asked for records.",
    multiprocess_mode="livemax",
)
REBALANCES = Counter("feed_rebalances_total", "Assignments of partitions to this member.")
COMMIT_FAILURES = Counter("feed_commit_failures_total", "Commits that were put off.")

MAX_TYPES = 20
"""Skipped types with a label of their own. Producers may write any: further ones are `other`."""
_types: set[str] = set()

# A rate needs the zero before the first error.
SKIPPED.labels("other")
for _topic in Topic:
    SECONDS.labels(_topic), BATCH.labels(_topic)
    for _outcome in ("ok", "dead_letter", "skipped"):
        CONSUMED.labels(_topic, _outcome)
    for _reason in ("invalid", "failed"):
        DEAD_LETTERS.labels(_topic, _reason)


def tell_lag(states: Iterable[TopicState]) -> None:
    """Dead letters are not part of it: nobody consumes them but a replay."""
    lags = Tallies(dict.fromkeys(Topic, 0))
    for state in states:
        if parsed := parse(state.name):
            lags[parsed[0]] += state.lag
    for topic, lag in lags.items():
        LAG.labels(topic).set(lag)


@contextmanager
def handling(topic: Topic, records: int) -> Iterator[None]:
    """Times the block, also if it raises."""
    BATCH.labels(topic).observe(records)
    with SECONDS.labels(topic).time():
        yield


def count(outcomes: Mapping[Topic, Sequence[Outcome]]) -> None:
    """Counts a batch that was handled."""
    for topic, some in outcomes.items():
        CONSUMED.labels(topic, "ok").inc(some.count(None))
        for outcome in some:
            if isinstance(outcome, Skipped):
                CONSUMED.labels(topic, "skipped").inc()
                SKIPPED.labels(_label(outcome.type)).inc()
            elif isinstance(outcome, DeadLetter):
                CONSUMED.labels(topic, "dead_letter").inc()
                # What cannot be decoded is not tried again.
                DEAD_LETTERS.labels(topic, "failed" if outcome.attempts > 1 else "invalid").inc()


def _label(type_: str) -> str:
    if len(_types) < MAX_TYPES:
        _types.add(type_)
    return type_ if type_ in _types else "other"
