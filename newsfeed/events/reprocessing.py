"""Applies one day's records again: handlers are idempotent, so it harms nothing."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from newsfeed.events.groups import Group
from newsfeed.events.registry import InvalidRecord, decode
from newsfeed.kafka import topic_admin
from newsfeed.kafka.readers import read_once
from newsfeed.kafka.topics import Topic, parse
from newsfeed.workers import loop

logger = logging.getLogger(__name__)


class UnknownTopic(Exception):
    """Not a dated topic of this installation, or not there."""


class Reprocessed(NamedTuple):
    handled: int
    skipped: int
    """Of types that no consumer here has subscribed to."""
    invalid: int
    """Not decoded: a dead letter already, or of a type that this version does not know."""


def reprocess(name: str, groups: Sequence[Group]) -> Reprocessed:
    """Lets consumers handle what is on a dated topic by now, from its first record on.

    Commits nothing. SIGTERM ends it between two batches. Raises UnknownTopic, also when none of the
    consumers reads the topic, Unavailable, and what the handlers raise.
    """
    parsed = parse(name)
    if parsed is None:
        raise UnknownTopic(f"{name} is not the name of a dated topic of this installation.")
    offsets = topic_admin.offsets(name)
    if not offsets:
        raise UnknownTopic(f"There is no topic {name}.")
    topic, _ = parsed
    reading = [group for group in groups if topic in group.topics]
    if not reading:
        raise UnknownTopic(f"{', '.join(group.name for group in groups)} does not read {name}.")
    totals = Counter[str]()
    for raws in loop.until_stopped(read_once(offsets)):
        totals += _handle(topic, raws, reading)
    return Reprocessed(totals["handled"], totals["skipped"], totals["invalid"])


def _handle(topic: Topic, raws: list[Any], groups: Sequence[Group]) -> Counter[str]:
    """How many records have come to what."""
    totals = Counter[str]()
    batches: dict[Group, list[Any]] = {group: [] for group in groups}
    for raw in raws:
        try:
            record = decode(topic, raw.value)
        except InvalidRecord as error:
            logger.warning("left out: %s[%d]@%d: %s", raw.topic, raw.partition, raw.offset, error)
            totals["invalid"] += 1
            continue
        takers = [group for group in groups if type(record) in group.types]
        for group in takers:
            batches[group].append(record)
        totals["handled" if takers else "skipped"] += 1
    for group, records in batches.items():
        if records:
            group.handler(records)
    return totals
