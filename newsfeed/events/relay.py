"""From an outbox row to records on Kafka: the event's own, and those that it expands to."""

import logging
import time
from typing import NamedTuple

from django.conf import settings
from prometheus_client import Counter, Histogram

from newsfeed.breaker import Breaker, BreakerOpen
from newsfeed.events import outbox, registry, tracing
from newsfeed.events.event import Event
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.producer import Delivery, Message, PublishError

logger = logging.getLogger(__name__)

INLINE_SECONDS = 0.2
"""What a request may wait for Kafka."""
RELAY_SECONDS = 12
"""A little more than the producer itself tries."""
RENEW_SECONDS = 3
"""How often a relay that waits for Kafka renews its lease, which lasts 8 s."""
MISSING_SECONDS = 1
"""What takes Kafka longer may be for a topic that does not exist."""
RECORDS_PER_SLICE = 2_000
BYTES_PER_SLICE = 4_000_000
"""The producer keeps what is not acknowledged in memory: with the next line, up to 80 MB."""
EVENTS_PER_STEP = 20

kafka_breaker = Breaker("kafka", slow_seconds=0.75 * INLINE_SECONDS)
PUBLISHED = Counter("feed_outbox_published_total", "Events published.", ["by"])
SIZE = Histogram(
    "feed_fanout_size",
    "Feed records sent of a post at once: to all followers, or to a slice of them.",
    ["by"],
    buckets=(0, 1, 10, 100, 500, 1_000, 2_000),
)
for _by in ("request", "relay"):
    PUBLISHED.labels(_by), SIZE.labels(_by)


def publish_inline(row: OutboxEvent) -> None:
    """Publishes right after the commit if that is quick. Otherwise the relay does."""
    event = outbox.event_of(row)
    records = registry.expand(event, after=0, limit=settings.FANOUT_INLINE_LIMIT + 1)
    if len(records) > settings.FANOUT_INLINE_LIMIT:
        outbox.hand_over(row)
        return
    try:
        with kafka_breaker.guard():
            producer.send(_messages(row, event, records)).wait(INLINE_SECONDS)
    except (PublishError, BreakerOpen) as error:
        logger.warning("inline publish of %s failed; the relay will retry: %r", row, error)
        outbox.hand_over(row)
        return
    outbox.published([row])
    PUBLISHED.labels("request").inc()
    _observe_size(event, records, "request")


class _Sent(NamedTuple):
    row: OutboxEvent
    delivery: Delivery
    goes_on_after: int | None
    """The key of the slice's last record; None when there are no more slices."""


def relay(worker: str) -> int:
    """Publishes one slice of each of some waiting events. Returns how many events that were.

    After its slice an event goes to the end of the line. So an author with a million followers
    delays the others by one slice and not by a million records.
    """
    rows = outbox.claim(worker, EVENTS_PER_STEP)
    if not rows:
        return 0
    sent = [one for row in rows if (one := _try_to_send(row, worker))]
    if sent:
        _flush(sent, worker)
    finished = []
    for row, delivery, goes_on_after in sent:
        try:
            delivery.wait(0)
        except PublishError as error:
            logger.warning("publish of %s failed; will retry: %s", row, error, extra=_trace(row))
            outbox.retry_later(row, worker, error)
            continue
        if goes_on_after is None:
            finished.append(row)
        else:
            outbox.published_up_to(row, goes_on_after, worker)
    outbox.published(finished, worker)
    PUBLISHED.labels("relay").inc(len(finished))
    return len(rows)


def _flush(sent: list[_Sent], worker: str) -> None:
    """Also of topics that are missing: deleted, or not there yet when a day begins.

    Once they exist, they get what waits for them in the producer. A refused record is sent again
    with its event.
    """
    in_time = producer.flush(MISSING_SECONDS)
    if in_time and not any(one.delivery.is_refused for one in sent):
        return
    try:
        if created := topic_admin.ensure_topics():
            logger.warning("created %s, which were missing", ", ".join(created))
    except topic_admin.BrokerUnavailable as error:
        logger.warning("cannot look for missing topics: %s", error)
    give_up_at = time.monotonic() + RELAY_SECONDS
    while not in_time and time.monotonic() < give_up_at:
        outbox.renew([one.row for one in sent], worker)
        in_time = producer.flush(RENEW_SECONDS)


def _try_to_send(row: OutboxEvent, worker: str) -> _Sent | None:
    """What cannot be published waits, such as an event that only a newer version knows."""
    try:
        return _send_slice(row)
    except Exception as error:
        logger.exception("%s cannot be published", row, extra=_trace(row))
        outbox.retry_later(row, worker, error)
        return None


def _send_slice(row: OutboxEvent) -> _Sent:
    event = outbox.event_of(row)
    found = registry.expand(event, after=row.published_to, limit=RECORDS_PER_SLICE)
    records = found[: BYTES_PER_SLICE // len(found[0].value)] if found else found
    is_last = len(records) == len(found) < RECORDS_PER_SLICE
    delivery = producer.send(_messages(row, event, records))
    _observe_size(event, records, "relay")
    return _Sent(row, delivery, None if is_last else records[-1].key)


def _observe_size(event: Event, records: list[Message], by: str) -> None:
    if registry.is_expanded(event):
        SIZE.labels(by).observe(len(records))


def _messages(row: OutboxEvent, event: Event, records: list[Message]) -> list[Message]:
    """The event's own record leads the first slice.

    It carries the request's id, and so does the first of the others. That is enough to follow a
    request; on each record it would cost the relay and the consumer CPU.
    """
    headers = tracing.headers(row.request_id)
    messages = [record._replace(headers=headers) for record in records[:1]] + records[1:]
    if row.published_to:
        return messages
    value = outbox.value_of(row, event)
    return [Message(event.topic(), event.entity_id, value, headers), *messages]


def _trace(row: OutboxEvent) -> dict[str, str]:
    return {"request_id": row.request_id}
