"""Kafka's consumer at rest while it has nothing to do."""

from typing import Any

HEARTBEAT_DUE_SECONDS = 0.1


def poll_patiently(consumer: Any) -> None:
    """While a heartbeat is due, kafka-python's poll (3.0.12) does not wait at all.

    A thread of its own sends them, so there is nothing to hurry for; and when a broker that hangs
    leaves one unanswered, poll cost a whole CPU and, in callbacks on the unanswered fetch, ten
    megabytes a second.
    """
    coordinator = consumer._coordinator
    time_to_next_poll = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(HEARTBEAT_DUE_SECONDS, time_to_next_poll())
