"""Deletes dated topics that are old, once everybody has read them."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from django.conf import settings
from django.utils import timezone

from newsfeed.kafka import topic_admin
from newsfeed.kafka.topics import Topic, parse


def prune_topics(
    days: int, readers: Mapping[Topic, Collection[str]], *, dry_run: bool = False
) -> dict[str, Mapping[str, int]]:
    """Deletes topics older than this number of days that no consumer group has yet to read.

    The readers are consumer groups, which count even if they have not read anything. The one group
    that older versions had does not: it would never read on.

    Returns all topics of that age, each with the records that a group has not read, {group:
    number}: those with none were deleted. The dead letters' topics have no date, so they stay.
    Raises BrokerUnavailable.
    """
    oldest = timezone.localdate() - timedelta(days=days)
    found = topic_admin.unread(
        lambda name: _is_before(name, oldest),
        lambda name: _readers(name, readers),
        settings.KAFKA_CONSUMER_GROUP,
    )
    if not dry_run:
        topic_admin.delete_topics([name for name, groups in found.items() if not groups])
    return found


def _readers(name: str, readers: Mapping[Topic, Collection[str]]) -> Collection[str]:
    parsed = parse(name)
    return readers.get(parsed[0], ()) if parsed else ()


def _is_before(name: str, oldest: date) -> bool:
    parsed = parse(name)
    return parsed is not None and parsed[1] < oldest
