"""The outbox: events wait here, in the transaction of what they tell of, until Kafka has them.

The pattern is Chris Richardson's "transactional outbox" (microservices.io). Rows are found by
their state and never by "id above the last one seen": a slow transaction commits a low id late.
Leases are compared with the database's own clock, which all processes share.
"""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from newsfeed import logs
from newsfeed.events import registry
from newsfeed.events.event import Event
from newsfeed.events.models import OutboxEvent

REQUEST_LEASE = timedelta(seconds=2)
"""How long the request that wrote the row has to publish it; then a relay takes it."""
RELAY_LEASE = timedelta(seconds=8)
"""A relay whose step takes longer renews it: others take over only from one dead or frozen."""
CLAIM = """
SELECT * FROM events_outboxevent FORCE INDEX (outbox_claimed_until)
WHERE claimed_until <= CURRENT_TIMESTAMP(6) ORDER BY claimed_until LIMIT %s
FOR UPDATE SKIP LOCKED
"""
"""Along the index, which Django cannot say. Where MySQL sorts instead, it locks all it has seen."""
MAX_BACKOFF_SECONDS = 10
MAX_DEPTH = 100_000
"""Counting stops there: by then it is the age that matters, and counting goes on costing."""


def add(event: Event) -> OutboxEvent:
    """Writes a row that is leased to the caller."""
    return OutboxEvent.objects.create(
        event_id=event.event_id,
        payload=msgspec.to_builtins(event),
        request_id=logs.request_id.get(),
        claimed_until=Now() + REQUEST_LEASE,
    )


def leave_to_relay(events: Iterable[Event]) -> None:
    """For events that no request has caused. Writes all rows or none; they are leased to nobody."""
    OutboxEvent.objects.bulk_create(
        OutboxEvent(event_id=event.event_id, payload=msgspec.to_builtins(event)) for event in events
    )


def event_of(row: OutboxEvent) -> Event:
    """With the fields that this version knows. Raises InvalidRecord and UnknownType."""
    return registry.to_event(row.payload)


def value_of(row: OutboxEvent, event: Event) -> bytes:
    """What goes to Kafka: the event, with the fields that a newer version has written besides."""
    return msgspec.json.encode(msgspec.to_builtins(event) | row.payload)


def find_waiting(event_type: type[Event], entity_id: int) -> OutboxEvent | None:
    """The first row with such an event about this. Reads the whole outbox: for people only."""
    waiting = OutboxEvent.objects.filter(payload__type=event_type.__struct_config__.tag)
    return waiting.filter(**{f"payload__{event_type.about}": entity_id}).first()


class Backlog(NamedTuple):
    depth: int
    """Rows, up to MAX_DEPTH."""
    seconds: float
    """Since the first of them was written, by the database's clock; 0 when there is none."""


def backlog() -> Backlog:
    """Two queries along the primary key; the first row by id is the oldest but for moments."""
    oldest = OutboxEvent.objects.annotate(now=Now()).order_by("pk").only("created_at").first()
    if oldest is None:
        return Backlog(0, 0.0)
    depth = OutboxEvent.objects.values("pk")[:MAX_DEPTH].count()
    return Backlog(depth, max(0.0, (oldest.now - oldest.created_at).total_seconds()))


def claim(worker: str, limit: int) -> list[OutboxEvent]:
    """Leases up to `limit` rows that nobody works on, longest waiting first."""
    free = OutboxEvent.objects.filter(claimed_until__lte=Now())
    if not free.exists():  # most often: spares an idle relay the transaction
        return []
    with transaction.atomic():
        events = list(OutboxEvent.objects.raw(CLAIM, [limit]))
        OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(
            claimed_by=worker, claimed_until=Now() + RELAY_LEASE, attempts=F("attempts") + 1
        )
    return events


def renew(events: list[OutboxEvent], worker: str) -> None:
    """The worker is still at it."""
    held = OutboxEvent.objects.filter(pk__in=[event.pk for event in events], claimed_by=worker)
    held.update(claimed_until=Now() + RELAY_LEASE)


def published(events: list[OutboxEvent], worker: str = "") -> None:
    """Kafka has all of these events' records."""
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events], claimed_by=worker).delete()


def published_up_to(event: OutboxEvent, follower_id: int, worker: str) -> None:
    """Kafka has the records of the followers up to this one; the rest is anybody's."""
    OutboxEvent.objects.filter(pk=event.pk, claimed_by=worker).update(
        published_to=follower_id, claimed_until=Now(), attempts=0
    )


def hand_over(event: OutboxEvent) -> None:
    """The request that wrote the row leaves it to the relay, which may begin at once."""
    OutboxEvent.objects.filter(pk=event.pk, claimed_by="").update(claimed_until=Now())


def give_back(worker: str) -> None:
    """What the worker still holds since MySQL went away in the midst of a step is anybody's."""
    OutboxEvent.objects.filter(claimed_by=worker).update(claimed_until=Now())


def retry_later(event: OutboxEvent, worker: str, error: Exception) -> None:
    """Back-off doubles up to 10 s, with jitter so that rows do not return all at once."""
    seconds = min(MAX_BACKOFF_SECONDS, 0.2 * 2 ** min(event.attempts, 10))
    delay = timedelta(seconds=seconds * random.uniform(0.5, 1))  # noqa: S311 (not a secret) # nosec B311
    OutboxEvent.objects.filter(pk=event.pk, claimed_by=worker).update(
        claimed_until=Now() + delay, last_error=str(error)[:200]
    )
