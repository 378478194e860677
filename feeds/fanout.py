"""From an outbox event to its records on Kafka: one of its own, and one per follower of a post."""

import logging
import time
from typing import NamedTuple

from django.conf import settings
from prometheus_client import Counter, Histogram

from feeds.events import FeedRecord, encode_for_each
from follows.selectors import follower_ids
from newsfeed.breaker import Breaker, BreakerOpen
from newsfeed.events import outbox, tracing
from newsfeed.events.event import Event
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.producer import Delivery, Message, PublishError
from newsfeed.kafka.topics import Topic
from posts.events import PostCreated
from posts.selectors import find_visible_post

logger = logging.getLogger(__name__)

INLINE_SECONDS = 0.2
"""What a request may wait for Kafka."""
RELAY_SECONDS = 12
"""A little more than the producer itself tries."""
RENEW_SECONDS = 3
"""How often a relay that waits for Kafka renews its lease, which lasts 8 s."""
MISSING_SECONDS = 1
"""What takes Kafka longer may be for a topic that does not exist."""
FOLLOWERS_PER_SLICE = 2_000
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
    """Publishes right after the commit, if that is quick; else the relay does it."""
    event = outbox.event_of(row)
    followers = _followers(event, after=0, limit=settings.FANOUT_INLINE_LIMIT + 1)
    if len(followers) > settings.FANOUT_INLINE_LIMIT:
        outbox.hand_over(row)
        return
    try:
        with kafka_breaker.guard():
            first, messages = [_own_message(row, event)], _feed_messages(event, followers)
            producer.send(_traced(row, first, messages)).wait(INLINE_SECONDS)
    except (PublishError, BreakerOpen) as error:
        logger.warning("%s is left to the relay: %r", row, error)
        outbox.hand_over(row)
        return
    outbox.published([row])
    PUBLISHED.labels("request").inc()
    _observe_size(event, len(messages), "request")


class _Sent(NamedTuple):
    event: OutboxEvent
    delivery: Delivery
    goes_on_after: int | None
    """The last follower of this slice; None when there are no more slices."""


def relay(worker: str) -> int:
    """Publishes one slice of each of some waiting events. Returns how many events that were.

    One slice each, and then the event goes to the end of the line: an author with a million
    followers delays the others by a slice and not by a million records.
    """
    events = outbox.claim(worker, EVENTS_PER_STEP)
    if not events:
        return 0
    sent = [one for event in events if (one := _try_to_send(event, worker))]
    if sent:
        _flush(sent, worker)
    finished = []
    for event, delivery, goes_on_after in sent:
        try:
            delivery.wait(0)
        except PublishError as error:
            logger.warning("%s is tried again later: %s", event, error, extra=_trace(event))
            outbox.retry_later(event, worker, error)
            continue
        if goes_on_after is None:
            finished.append(event)
        else:
            outbox.published_up_to(event, goes_on_after, worker)
    outbox.published(finished, worker)
    PUBLISHED.labels("relay").inc(len(finished))
    return len(events)


def _flush(sent: list[_Sent], worker: str) -> None:
    """Also of topics that are missing: deleted, or not there yet when a day begins.

    Once there, they get what waits for them in the producer. What the producer has refused is
    tried again with its event.
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
        outbox.renew([one.event for one in sent], worker)
        in_time = producer.flush(RENEW_SECONDS)


def _try_to_send(event: OutboxEvent, worker: str) -> _Sent | None:
    """An event that cannot be published, as of a type that this version does not know, waits."""
    try:
        return _send_slice(event)
    except Exception as error:
        logger.exception("%s cannot be published", event, extra=_trace(event))
        outbox.retry_later(event, worker, error)
        return None


def _send_slice(row: OutboxEvent) -> _Sent:
    event = outbox.event_of(row)
    followers = _followers(event, after=row.published_to, limit=FOLLOWERS_PER_SLICE)
    messages = _feed_messages(event, followers)
    room = BYTES_PER_SLICE // len(messages[0].value) if messages else len(followers)
    is_last = len(followers) < FOLLOWERS_PER_SLICE and len(followers) <= room
    first = [] if row.published_to else [_own_message(row, event)]
    delivery = producer.send(_traced(row, first, messages[:room]))
    _observe_size(event, len(messages[:room]), "relay")
    return _Sent(row, delivery, None if is_last else followers[:room][-1])


def _observe_size(event: Event, records: int, by: str) -> None:
    if isinstance(event, PostCreated):
        SIZE.labels(by).observe(records)


def _followers(event: Event, *, after: int, limit: int) -> list[int]:
    """Only a new post concerns followers.

    Read after the post's commit: whoever follows later invalidates his own feed, and its rebuild
    finds the post. Read earlier, such a follower would get it from neither.
    """
    if not isinstance(event, PostCreated):
        return []
    return follower_ids(event.actor_id, after=after, limit=limit)


def _own_message(row: OutboxEvent, event: Event) -> Message:
    return Message(event.topic(), event.entity_id, outbox.value_of(row, event))


def _traced(row: OutboxEvent, *parts: list[Message]) -> list[Message]:
    """The parts as one, with the request's id on the first message of each.

    One is enough to follow a request; on each it would cost the relay and the consumer CPU.
    """
    headers = tracing.headers(row.request_id)
    return [
        message._replace(headers=headers) if n == 0 else message
        for part in parts
        for n, message in enumerate(part)
    ]


def _trace(event: OutboxEvent) -> dict[str, str]:
    return {"request_id": event.request_id}


def _feed_messages(event: Event, followers: list[int]) -> list[Message]:
    if not followers or not isinstance(event, PostCreated):
        return []
    post = find_visible_post(event.post_id)
    if post is None:
        return []
    record = FeedRecord(
        post_id=post.pk,
        author_id=post.user_id,
        follower_id=followers[0],
        content=post.content,
        created_at=post.created_at,
    )
    topic = Topic.FEED.today()
    values = encode_for_each(record, followers)
    return [
        Message(topic, follower, value) for follower, value in zip(followers, values, strict=True)
    ]
