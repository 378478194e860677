"""Kafka, as the model has it: a list."""

from typing import Any

from newsfeed.kafka.producer import Message, PublishError
from newsfeed.kafka.topics import Topic, parse


class Log:
    """Stands in for the producer: what was sent, whether it arrives, and whether Kafka says so."""

    is_refused = False

    def __init__(self) -> None:
        self.records: list[Message] = []
        self.is_there()

    def is_there(self, *, takes: bool = True, acknowledges: bool = True) -> None:
        self.takes, self.acknowledges = takes, takes and acknowledges

    def send(self, messages: Any) -> "Log":
        self.records += messages if self.takes else []
        return self

    def wait(self, seconds: float) -> None:
        if not self.acknowledges:
            raise PublishError("no acknowledgement")


def topic_of(message: Message) -> Topic:
    parsed = parse(message.topic)
    assert parsed
    return parsed[0]
