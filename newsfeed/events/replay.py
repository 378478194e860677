"""Dead letters once more: those on Kafka that no replay has settled, and the rows in MySQL.

A letter goes straight to the consumer that could not apply it, so the result is known at once.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from newsfeed.events import dead_letters
from newsfeed.events.failures import AWAY
from newsfeed.events.groups import Group, get_group_or_raise, readers
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import UnwantedType, decode
from newsfeed.kafka import topic_admin
from newsfeed.kafka.readers import DeadLetterReader
from newsfeed.kafka.topics import Topic

ROWS_PER_PAGE = 100


class Waiting(NamedTuple):
    letter: DeadLetter
    settle: Callable[[], None]
    """Keeps what `apply_again` has made of the letter."""


def apply_again(letter: DeadLetter) -> bool:
    """Whether it was applied; if not, the letter has the new error and one attempt more.

    Raises what stands in AWAY, which is no attempt.
    """
    topic = Topic(letter.topic)
    try:
        for group in _groups(letter, topic):
            with suppress(UnwantedType):
                group.handler([decode(topic, bytes(letter.value), group.types)])
    except AWAY:
        raise
    except Exception as error:
        letter.attempts += 1
        letter.error = dead_letters.describe(error)
        return False
    letter.replayed_at = timezone.now()
    return True


def _groups(letter: DeadLetter, topic: Topic) -> list[Group]:
    """Older versions had one group for all, and named none. Raises UnknownGroup."""
    return [get_group_or_raise(letter.group)] if letter.group else readers(topic)


def waiting(topics: Sequence[Topic]) -> Generator[Waiting, None, None]:
    """All that wait now; what fails again meanwhile waits for the next replay.

    Raises what stands in AWAY.
    """
    rows = list(_unsettled(topics).values_list("pk", flat=True))
    ends = {state.name: state.ends for state in topic_admin.topic_states()}
    with closing(DeadLetterReader()) as reader:
        for topic in topics:
            for raw in reader.read(topic, ends.get(topic.dead_letters, {})):
                letter = dead_letters.read(topic, raw)
                yield Waiting(letter, partial(_settle_record, reader, raw, letter))
    for start in range(0, len(rows), ROWS_PER_PAGE):
        for row in _unsettled(topics).filter(pk__in=rows[start : start + ROWS_PER_PAGE]):
            yield Waiting(row, partial(settle_row, row))


def _unsettled(topics: Sequence[Topic]) -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(topic__in=topics, replayed_at=None).order_by("pk")


def _settle_record(reader: DeadLetterReader, raw: Any, letter: DeadLetter) -> None:
    if letter.replayed_at is None:
        dead_letters.keep([letter])
    reader.commit(raw)


def settle_row(row: DeadLetter) -> None:
    row.save(update_fields=["attempts", "error", "replayed_at"])
