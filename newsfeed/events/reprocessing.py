"""Applies one day's records again: handlers are idempotent, so it harms nothing."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from newsfeed.events.consumer import read_once
from newsfeed.events.failures import Handler
from newsfeed.events.registry import InvalidRecord, decode
from newsfeed.kafka import topic_admin
from newsfeed.kafka.topics import Topic, parse
from newsfeed.workers import loop

logger = logging.getLogger(__name__)


class UnknownTopic(Exception):
    """Not a dated topic of this installation, or not there."""


class Reprocessed(NamedTuple):
    handled: int
    invalid: int
    """Not decoded: a dead letter already, or of a type that this version does not know."""


def reprocess(name: str, handlers: Mapping[Topic, Handler]) -> Reprocessed:
    """Handles what is on a dated topic by now, from its first record on; commits nothing. SIGTERM
    ends it between two batches.

    Raises UnknownTopic, Unavailable, and what the handlers raise.
    """
    parsed = parse(name)
    if parsed is None:
        raise UnknownTopic(f"{name} is not the name of a dated topic of this installation.")
    offsets = topic_admin.offsets(name)
    if not offsets:
        raise UnknownTopic(f"There is no topic {name}.")
    topic, _ = parsed
    handled = invalid = 0
    for raws in loop.until_stopped(read_once(offsets)):
        records = _decoded(topic, raws)
        if records:
            handlers[topic](records)
        handled, invalid = handled + len(records), invalid + len(raws) - len(records)
    return Reprocessed(handled, invalid)


def _decoded(topic: Topic, raws: list[Any]) -> list[Any]:
    """Those that can be."""
    records = []
    for raw in raws:
        try:
            records.append(decode(topic, raw.value))
        except InvalidRecord as error:
            logger.warning("left out: %s[%d]@%d: %s", raw.topic, raw.partition, raw.offset, error)
    return records
