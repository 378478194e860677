"""The names of Kafka topics. A dated topic is `{prefix}{name}-{yyyyMMdd}`."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.utils import timezone

MIDNIGHT_IS_NEAR = timedelta(minutes=10)
DATED = r"(?P<name>[a-z]+)-(?P<day>\d{8})"


class Topic(StrEnum):
    FEED = "feed"
    """One record per follower and post."""
    ACTIVITY = "activity"
    """One record per domain event."""

    def on(self, day: date) -> str:
        return f"{settings.KAFKA_TOPIC_PREFIX}{self}-{day:%Y%m%d}"

    def today(self) -> str:
        return self.on(timezone.localdate())

    @property
    def dead_letters(self) -> str:
        return f"{settings.KAFKA_TOPIC_PREFIX}{self}.DLT"


def audit_log() -> str:
    """The topic of what moderators do. It has no day and nobody here consumes it."""
    return f"{settings.KAFKA_TOPIC_PREFIX}audit.log"


def days_from_today(days: int) -> list[date]:
    """Today and the days after it, in the project's time zone."""
    return [timezone.localdate() + timedelta(days=n) for n in range(days)]


def days_to_read() -> set[date]:
    """Today, and from ten minutes before midnight tomorrow.

    Kafka gives the members of a group equally many partitions. With tomorrow's among them all day,
    some members would have nothing else, and no work.
    """
    return {timezone.localdate(), (timezone.localtime() + MIDNIGHT_IS_NEAR).date()}


def parse(name: str) -> tuple[Topic, date] | None:
    """What a dated topic holds, or None for any other topic.

    >>> parse("feed-20261121")
    (<Topic.FEED: 'feed'>, datetime.date(2026, 11, 21))
    """
    match = re.fullmatch(re.escape(settings.KAFKA_TOPIC_PREFIX) + DATED, name)
    if match is None or match["name"] not in list(Topic):
        return None
    try:
        day = datetime.strptime(match["day"], "%Y%m%d").date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        return None
    return Topic(match["name"]), day


def is_ours(name: str) -> bool:
    undated = [audit_log(), *(topic.dead_letters for topic in Topic)]
    return parse(name) is not None or name in undated
