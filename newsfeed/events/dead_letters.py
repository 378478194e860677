"""Records that can never be applied, kept with where they came from and why."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from newsfeed.events import producer
from newsfeed.events.producer import Message
from newsfeed.events.topics import Topic

logger = logging.getLogger(__name__)

ACK_SECONDS = 10


class RawRecord(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class DeadLetter(NamedTuple):
    topic: Topic
    raw: RawRecord
    error: Exception
    attempts: int = 1

    def message(self) -> Message:
        headers = {
            "origin-topic": self.raw.topic,
            "origin-partition": self.raw.partition,
            "origin-offset": self.raw.offset,
            "error": f"{type(self.error).__name__}: {self.error}",
            "attempts": self.attempts,
            "time": datetime.now(UTC).isoformat(),
        }
        return Message(
            self.topic.dead_letters,
            key=self.raw.partition,
            value=self.raw.value or b"",
            headers=[(name, str(text).encode()) for name, text in headers.items()],
        )


def publish(letters: Sequence[DeadLetter]) -> None:
    """Returns when `{topic}.DLT` holds all of them. Raises PublishError."""
    producer.send(letter.message() for letter in letters).wait(ACK_SECONDS)
    for letter in letters:
        raw = letter.raw
        logger.error(
            "dead letter: %s[%d]@%d: %s", raw.topic, raw.partition, raw.offset, letter.error
        )
