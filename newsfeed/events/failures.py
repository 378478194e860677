"""Whose fault a failure is decides what is done about it.

- The record's, as it cannot be decoded: a dead letter at once. One of a type that the consumer has
  not subscribed to, or that this version does not know, is skipped and counted.
- The world's, as something is away: raised, so that the caller waits and tries all of it again.
- Nobody knows whose: two retries, the last record by record. What fails then is a dead letter.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError
from prometheus_client import Counter

from newsfeed.events import dead_letters
from newsfeed.events.dead_letters import RawRecord
from newsfeed.events.groups import Group, Handler
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import InvalidRecord, UnknownType, UnwantedType, decode
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic

logger = logging.getLogger(__name__)

AWAY = (Unavailable, OperationalError, InterfaceError)
RETRIES = 2
RETRY_SECONDS = 1.0
"""Simply slept: the client sends its heartbeats from a thread of its own."""

RETRIED = Counter(
    "feed_events_retried_total",
    "Batches handled again after an unexpected error.",
    ["consumer", "topic"],
)


class Skipped(NamedTuple):
    """A record that the consumer has no use for."""

    type: str


Outcome = DeadLetter | Skipped | None
"""Of one record; None: it was applied."""


def apply(group: Group, topic: Topic, raws: Sequence[RawRecord]) -> list[Outcome]:
    """Decodes and handles the records. Returns the outcome of each; dead letters are not yet kept.

    Raises what stands in AWAY; then all of them may come again.
    """
    outcomes: list[Outcome] = [None] * len(raws)
    records: dict[int, Any] = {}
    for index, raw in enumerate(raws):
        try:
            records[index] = decode(topic, raw.value, group.types)
        except (UnknownType, UnwantedType) as error:
            outcomes[index] = Skipped(error.type)
        except InvalidRecord as error:
            outcomes[index] = dead_letters.letter(topic, raw, error, group=group.name)
    if records and not _handle(group, topic, list(records.values())):
        for index, cause in _culprits(records, group.handler).items():
            outcomes[index] = dead_letters.letter(
                topic, raws[index], cause, group=group.name, attempts=1 + RETRIES
            )
    return outcomes


def _handle(group: Group, topic: Topic, records: list[Any]) -> bool:
    """Whether one of all tries but the last succeeds."""
    for _ in range(RETRIES):
        try:
            group.handler(records)
        except AWAY:
            raise
        except Exception:
            logger.warning("a batch of %d %s records failed", len(records), topic, exc_info=True)
            RETRIED.labels(group.name, topic).inc()
            time.sleep(RETRY_SECONDS)
        else:
            return True
    return False


def _culprits(records: Mapping[int, Any], handler: Handler) -> dict[int, Exception]:
    """The last try, record by record. Handlers are idempotent: good ones may come again."""
    errors: dict[int, Exception] = {}
    for index, record in records.items():
        try:
            handler([record])
        except AWAY:
            raise
        except Exception as error:
            errors[index] = error
    return errors
