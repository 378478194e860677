"""Who makes or removes a post by the ORM leaves an event, as the services do.

A receiver runs in the transaction of the change, so that event and change commit together.
"""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from newsfeed.events.recording import record
from posts.events import PostCreated, PostDeleted
from posts.models import Post


@receiver(post_save, sender=Post)
def post_saved(instance: Post, *, created: bool, **_: Any) -> None:
    if created:
        record(PostCreated(actor_id=instance.user_id, post_id=instance.pk))


@receiver(post_delete, sender=Post)
def post_removed(instance: Post, **_: Any) -> None:
    record(PostDeleted(actor_id=instance.user_id, post_id=instance.pk))
