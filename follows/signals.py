"""Each edge that comes or goes leaves an event, in the transaction of the change."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from follows.events import Followed, Unfollowed
from follows.models import Follow
from newsfeed.events.recording import record


@receiver(post_save, sender=Follow)
def followed(instance: Follow, *, created: bool, **_: Any) -> None:
    if created:
        record(Followed(actor_id=instance.follower_id, followee_id=instance.followee_id))


@receiver(post_delete, sender=Follow)
def unfollowed(instance: Follow, **_: Any) -> None:
    record(Unfollowed(actor_id=instance.follower_id, followee_id=instance.followee_id))
