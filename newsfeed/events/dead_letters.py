"""Records that could not be applied, kept with where they came from and why."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.utils import timezone

from newsfeed.events.models import DeadLetter
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.producer import Message, PublishError
from newsfeed.kafka.topics import Topic
from newsfeed.mysql.keyset import in_key_order

logger = logging.getLogger(__name__)

ACK_SECONDS = 10
MAX_ERROR_LENGTH = 500
ROWS_PER_PAGE = 100
RETENTION = timedelta(days=topic_admin.DEAD_LETTER_DAYS)


class RawRecord(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


def letter(
    topic: Topic, raw: RawRecord, error: Exception, *, group: str, attempts: int = 1
) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        group=group,
        origin_topic=raw.topic,
        origin_partition=raw.partition,
        origin_offset=raw.offset,
        value=raw.value or b"",
        error=describe(error),
        attempts=attempts,
        created_at=datetime.now(UTC),
    )


def read(topic: Topic, raw: Any) -> DeadLetter:
    """A record of `{topic}.DLT`."""
    headers = {name: (text or b"").decode(errors="replace") for name, text in raw.headers}
    try:
        return DeadLetter(
            topic=topic,
            group=headers.get("group", ""),  # older versions had one group
            origin_topic=headers["origin-topic"],
            origin_partition=int(headers["origin-partition"]),
            origin_offset=int(headers["origin-offset"]),
            value=raw.value or b"",
            error=headers["error"],
            attempts=int(headers["attempts"]),
            created_at=datetime.fromisoformat(headers["time"]),
        )
    except (KeyError, ValueError) as error:  # somebody else has written it
        return letter(topic, raw, error, group="")


def describe(error: Exception) -> str:
    """One line, whatever the error says, that UTF-8 and a column can hold."""
    text = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return " ".join(text.split())[:MAX_ERROR_LENGTH]


def keep(letters: Sequence[DeadLetter]) -> None:
    """Returns when `{topic}.DLT` holds all of them or, because it refuses, MySQL does.

    While Kafka as a whole is away there is nothing else to go on with, so they are better held
    than scattered. Raises Unavailable then, and Django's database errors when MySQL is away too.
    """
    try:
        try:
            publish(letters)
        except PublishError:
            topic_admin.ping()
            publish(letters)  # a topic's metadata may only have been late
    except PublishError as error:
        _save(letters)
        logger.error("%d dead letters are in MySQL, not in Kafka: %s", len(letters), error)
    for one in letters:
        logger.error("dead letter: %s: %s", one, one.error)


def publish(letters: Sequence[DeadLetter]) -> None:
    """Returns when `{topic}.DLT` holds all of them. Raises PublishError."""
    producer.send(_message(one) for one in letters).wait(ACK_SECONDS)


def _message(letter: DeadLetter) -> Message:
    headers = {
        "group": letter.group,
        "origin-topic": letter.origin_topic,
        "origin-partition": letter.origin_partition,
        "origin-offset": letter.origin_offset,
        "error": letter.error,
        "attempts": letter.attempts,
        "time": letter.created_at.isoformat(),
    }
    return Message(
        Topic(letter.topic).dead_letters,
        key=letter.origin_partition,
        value=bytes(letter.value),
        headers=[(name, str(text).encode()) for name, text in headers.items()],
    )


def _save(letters: Sequence[DeadLetter]) -> None:
    """A record that dies again replaces its row; so does its namesake on a recreated topic."""
    DeadLetter.objects.bulk_create(
        letters,
        update_conflicts=True,
        update_fields=["value", "error", "attempts", "created_at", "replayed_at"],
    )


def forget_author(author_id: int) -> None:
    """Deletes the rows with posts of this author. Kafka drops its letters after RETENTION.

    Some letters are dead because they are not JSON, so the database cannot search them.
    """
    names_author = re.compile(rb'"author_id"\s*:\s*%d\b' % author_id)
    for rows in in_key_order(DeadLetter.objects.only("value"), ROWS_PER_PAGE):
        ids = [row.pk for row in rows if names_author.search(bytes(row.value))]
        DeadLetter.objects.filter(pk__in=ids).delete()


def delete_expired(*, dry_run: bool = False) -> int:
    """Rows older than Kafka keeps letters: they hold texts of users. Returns how many."""
    expired = DeadLetter.objects.filter(created_at__lte=timezone.now() - RETENTION)
    return expired.count() if dry_run else expired.delete()[0]
