"""From the outbox to the feeds: the relay and the consumer, step by step."""

import time

from feeds.handlers import HANDLERS
from newsfeed.events import relay
from newsfeed.events.consumer import Consumer
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import topic_admin
from newsfeed.kafka.topics import parse


class Pipeline:
    """Moves on only when it is told to."""

    def __init__(self) -> None:
        self._consumer = Consumer(HANDLERS)

    def settle(self, seconds: float = 60) -> None:
        """Returns when the outbox is empty and the consumer has committed everything."""
        deadline = time.monotonic() + seconds
        self._consume(deadline)
        while OutboxEvent.objects.exists():  # also what the consumer has recorded
            relay.relay("test")
            assert time.monotonic() < deadline, list(OutboxEvent.objects.values())
            self._consume(deadline)

    def _consume(self, deadline: float) -> None:
        while lag := sum(s.lag for s in topic_admin.topic_states() if parse(s.name)):
            self._consumer.step()
            assert time.monotonic() < deadline, f"{lag} records not consumed"

    def close(self) -> None:
        self._consumer.close()
