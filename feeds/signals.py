"""The feed of a user whose follows change goes cold at once: a reader need not wait for Kafka."""

import logging

from django.db import transaction
from django.dispatch import receiver

from accounts.events import UserDeleted
from feeds import store
from feeds.store import StoreUnavailable
from follows.events import Followed, Unfollowed
from newsfeed.events.event import Event
from newsfeed.events.recording import recorded

logger = logging.getLogger(__name__)


@receiver(recorded, sender=Followed)
@receiver(recorded, sender=Unfollowed)
@receiver(recorded, sender=UserDeleted)
def invalidate_on_commit(event: Event, **_: object) -> None:
    # Robust: the consumer invalidates it all the same.
    transaction.on_commit(lambda: _invalidate(event.actor_id), robust=True)


def _invalidate(user_id: int) -> None:
    try:
        store.requests.invalidate([user_id])
    except StoreUnavailable as error:
        logger.warning("feed of user %d not invalidated; the consumer will: %s", user_id, error)
