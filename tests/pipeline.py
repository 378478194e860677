"""From the outbox to the feeds: the relay and the consumers, step by step."""

import time

from newsfeed.events import relay
from newsfeed.events.consumer import Consumer
from newsfeed.events.groups import groups
from newsfeed.events.models import OutboxEvent
from tests.broker import Broker


class Pipeline:
    """Moves on only when it is told to."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumers = {group.name: Consumer(group) for group in groups()}

    def settle(self, seconds: float = 60) -> None:
        """Returns when the outbox is empty and the consumers have committed everything."""
        deadline = time.monotonic() + seconds
        self._consume(deadline)
        while OutboxEvent.objects.exists():  # also what a consumer has recorded
            relay.relay("test")
            assert time.monotonic() < deadline, list(OutboxEvent.objects.values())
            self._consume(deadline)

    def _consume(self, deadline: float) -> None:
        while lags := self._broker.lags():
            for name in lags:  # only these: without a record a step takes a second
                self._consumers[name].step()
            assert time.monotonic() < deadline, f"not consumed: {lags}"

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()
