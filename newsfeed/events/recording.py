"""Tells the other apps and the consumers what has happened, in the transaction of the change."""

from django.db import transaction
from django.dispatch import Signal

from newsfeed.events import outbox, relay
from newsfeed.events.event import Event

recorded = Signal()
"""Sent in the transaction, with the event's type as sender and `event`."""


def record(event: Event) -> None:
    """Writes the event to the outbox, and publishes it when the transaction has committed.

    Raises TransactionManagementError outside `atomic()`: event and change must commit together.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("An event is recorded with its cause.")
    row = outbox.add(event)
    recorded.send(type(event), event=event)
    # Robust: the change is committed and answered as such, whatever happens to the short cut.
    transaction.on_commit(lambda: relay.publish_inline(row), robust=True)
