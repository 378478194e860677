"""Hears what happens to posts, follows and users, and what moderators do; tells the outbox.

The receivers run in the transaction of the change, so event and change commit together. What they
leave for after the commit is only a short cut: the relay and the consumer do it all the same.
"""

import logging
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from accounts.events import UserDeleted
from accounts.models import User
from feeds import fanout, store
from feeds.store import StoreUnavailable
from follows.events import Followed, FollowEvent, Unfollowed
from follows.models import Follow
from moderation.events import BY_VERB
from moderation.models import ModerationAction
from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from posts.events import (
    PostCreated,
    PostDeleted,
    PostEvent,
    PostHidden,
    PostUnhidden,
    PostUpdated,
)
from posts.models import Post

logger = logging.getLogger(__name__)


def connect() -> None:
    post_save.connect(post_saved, sender=Post)
    post_delete.connect(post_deleted, sender=Post)
    post_save.connect(followed, sender=Follow)
    post_delete.connect(unfollowed, sender=Follow)
    post_save.connect(moderated, sender=ModerationAction)
    post_save.connect(user_saved, sender=User)


def post_saved(
    instance: Post, *, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    if created:
        event_type: type[PostEvent] = PostCreated
    elif instance.deleted_at:
        event_type = PostDeleted
    elif update_fields and "hidden_at" in update_fields:
        event_type = PostHidden if instance.hidden_at else PostUnhidden
    else:
        event_type = PostUpdated
    _record_post(event_type, instance)


def post_deleted(instance: Post, **_: Any) -> None:
    _record_post(PostDeleted, instance)


def followed(instance: Follow, *, created: bool, **_: Any) -> None:
    if created:
        _record_follow(Followed, instance)


def unfollowed(instance: Follow, **_: Any) -> None:
    _record_follow(Unfollowed, instance)


def moderated(instance: ModerationAction, **_: Any) -> None:
    """Such a row is saved once."""
    event = BY_VERB[instance.action](
        occurred_at=instance.created_at,
        actor_id=instance.moderator_id,
        target_type=instance.target_type,
        target_id=instance.target_id,
        reason=instance.reason,
        before=instance.before,
        after=instance.after,
    )
    _publish_on_commit(outbox.record(event))


def user_saved(instance: User, *, update_fields: frozenset[str] | None, **_: Any) -> None:
    if update_fields and "deleted_at" in update_fields:
        row = outbox.record(UserDeleted(actor_id=instance.pk))
        transaction.on_commit(lambda: _invalidate(instance.pk), robust=True)
        _publish_on_commit(row)


def _record_post(event_type: type[PostEvent], post: Post) -> None:
    event = event_type(actor_id=post.user_id, post_id=post.pk)
    _publish_on_commit(outbox.record(event))


def _record_follow(event_type: type[FollowEvent], follow: Follow) -> None:
    row = outbox.record(event_type(actor_id=follow.follower_id, followee_id=follow.followee_id))
    transaction.on_commit(lambda: _invalidate(follow.follower_id), robust=True)
    _publish_on_commit(row)


def _publish_on_commit(row: OutboxEvent) -> None:
    # Robust: the change is committed and answered as such, whatever happens to the short cut.
    transaction.on_commit(lambda: fanout.publish_inline(row), robust=True)


def _invalidate(user_id: int) -> None:
    try:
        store.requests.invalidate([user_id])
    except StoreUnavailable as error:
        logger.warning("feed of user %d is left to the consumer: %s", user_id, error)
