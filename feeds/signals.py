"""Hears what happens to posts, follows and users, and what moderators do; tells the outbox.

The receivers run in the transaction of the change, so event and change commit together. What they
leave for after the commit is only a short cut: the relay and the consumer do it all the same.
"""

import logging
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from accounts.models import User
from feeds import fanout, store
from feeds.store import StoreUnavailable
from follows.models import Follow
from moderation.models import ModerationAction
from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from newsfeed.events.schemas import ActivityType, AuditRecord
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
        type_ = ActivityType.POST_CREATE
    elif instance.deleted_at:
        type_ = ActivityType.POST_DELETE
    elif update_fields and "hidden_at" in update_fields:
        type_ = ActivityType.POST_HIDE if instance.hidden_at else ActivityType.POST_UNHIDE
    else:
        type_ = ActivityType.POST_UPDATE
    _record_post(type_, instance)


def post_deleted(instance: Post, **_: Any) -> None:
    _record_post(ActivityType.POST_DELETE, instance)


def followed(instance: Follow, *, created: bool, **_: Any) -> None:
    if created:
        _record_follow(ActivityType.FOLLOW, instance)


def unfollowed(instance: Follow, **_: Any) -> None:
    _record_follow(ActivityType.UNFOLLOW, instance)


def moderated(instance: ModerationAction, **_: Any) -> None:
    """Such a row is saved once."""
    record = AuditRecord(
        type=instance.action,
        version=1,
        event_id=uuid4(),
        occurred_at=instance.created_at,
        actor_id=instance.moderator_id,
        target_type=instance.target_type,
        target_id=instance.target_id,
        reason=instance.reason,
        before=instance.before,
        after=instance.after,
    )
    _publish_on_commit(outbox.keep(record))


def user_saved(instance: User, *, update_fields: frozenset[str] | None, **_: Any) -> None:
    if update_fields and "deleted_at" in update_fields:
        event = outbox.record(ActivityType.USER_DELETE, actor_id=instance.pk)
        transaction.on_commit(lambda: _invalidate(instance.pk), robust=True)
        _publish_on_commit(event)


def _record_post(type_: ActivityType, post: Post) -> None:
    _publish_on_commit(outbox.record(type_, actor_id=post.user_id, post_id=post.pk))


def _record_follow(type_: ActivityType, follow: Follow) -> None:
    event = outbox.record(type_, actor_id=follow.follower_id, followee_id=follow.followee_id)
    transaction.on_commit(lambda: _invalidate(follow.follower_id), robust=True)
    _publish_on_commit(event)


def _publish_on_commit(event: OutboxEvent) -> None:
    # Robust: the change is committed and answered as such, whatever happens to the short cut.
    transaction.on_commit(lambda: fanout.publish_inline(event), robust=True)


def _invalidate(user_id: int) -> None:
    try:
        store.requests.invalidate([user_id])
    except StoreUnavailable as error:
        logger.warning("feed of user %d is left to the consumer: %s", user_id, error)
