"""Reports of users, and what moderators do.

Each action is one transaction: the change, the row that tells of it and, through the outbox, the
record on `audit.log`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from accounts.models import User
from accounts.selectors import lock_active_user_or_raise
from moderation.events import State, event_of
from moderation.models import ModerationAction, Report, ReportedPost
from moderation.targets import Target, Verb, verbs
from newsfeed.api.exceptions import Conflict
from newsfeed.events.recording import record
from newsfeed.mysql.transactions import transactional
from posts.models import Post
from posts.selectors import get_post_or_raise, lock_any_post_or_raise, lock_posts

SHOWN_REASONS = 3


@transactional
def report_post(*, reporter_id: int, post_id: int, reason: str) -> Report:
    """Raises NotFound, Conflict for a second report, ValidationError for one's own post.

    Keeps the post's text with the report, because the author may edit or delete it before a
    moderator has read it. Raises SessionEnded for somebody who was suspended or deleted meanwhile.
    """
    lock_active_user_or_raise(reporter_id)
    if get_post_or_raise(post_id).user_id == reporter_id:
        raise ValidationError({"post_id": [_("You cannot report your own post.")]})
    post = lock_any_post_or_raise(post_id)
    if Report.objects.filter(post=post, reporter=reporter_id).exists():
        raise Conflict(_("You have reported this post already."))
    report = Report.objects.create(post=post, reporter_id=reporter_id, reason=reason)
    author = {"author_id": post.user_id}
    entry, _created = ReportedPost.objects.get_or_create(post=post, defaults=author)
    entry.open_reports += 1
    entry.content = post.content
    entry.latest_reasons = [reason, *entry.latest_reasons][:SHOWN_REASONS]
    entry.save()
    return report


@transactional
def moderate(verb_name: str, *, moderator: User, target_id: int, reason: str) -> ModerationAction:
    """Does it, resolves the open reports that it answers, and keeps who did what and why.

    Raises NotFound, Conflict if it is so already, and PermissionDenied if the target refuses it.
    """
    verb = verbs()[verb_name]
    target = verb.target.lock(target_id)
    if verb.target.refuse:
        verb.target.refuse(moderator, target)
    before = _state(verb.target, target)
    target = verb.change(target_id)
    _resolve(_answered_by(verb, target_id))
    action = ModerationAction.objects.create(
        moderator=moderator,
        action=verb.name,
        target_type=verb.target.name,
        target_id=target_id,
        reason=reason,
        before=before,
        after=_state(verb.target, target),
    )
    record(event_of(action))
    return action


def _answered_by(verb: Verb, target_id: int) -> Iterable[int]:
    """The ids of the posts whose reports are resolved by the action: only posts are reported."""
    if verb.target.model is Post:
        return [target_id]
    if verb.name == "suspend_user":
        return ReportedPost.objects.filter(author=target_id).values_list("pk", flat=True)
    return []


def dismiss_reports(post_id: int) -> Post:
    """The post stays as it is. Raises NotFound and Conflict."""
    post = lock_any_post_or_raise(post_id)
    if not ReportedPost.objects.filter(pk=post_id).exists():
        raise Conflict(_("The post has no open report."))
    return post


@transactional
def erase_reasons_of(reporter_id: int, *, limit: int) -> int:
    """Erases a deleted user's reasons in reports of up to `limit` posts. Returns how many posts.

    The reports stay and count: they keep a post in the queue, and show how it came there.
    """
    written = Report.objects.filter(reporter=reporter_id).exclude(reason="")
    ids = lock_posts(written.order_by("pk").values_list("post_id", flat=True)[:limit])
    written.filter(post__in=ids).update(reason="")
    for entry in ReportedPost.objects.filter(pk__in=ids):
        left = Report.objects.filter(post=entry.pk, resolved_at=None).exclude(reason="")
        newest = left.order_by("-pk").values_list("reason", flat=True)[:SHOWN_REASONS]
        entry.latest_reasons = list(newest)
        entry.save(update_fields=["latest_reasons"])
    return len(ids)


@transactional
def take_from_queue(author_id: int, *, limit: int) -> int:
    """Up to `limit` posts of a deleted user, whose text is gone. Returns how many."""
    reported = ReportedPost.objects.filter(author=author_id).order_by("pk")
    ids = list(reported.values_list("pk", flat=True)[:limit])
    _resolve(ids)
    return len(ids)


def _resolve(post_ids: Iterable[int]) -> None:
    """The posts are locked first, as their reports do: a later report counts from one again."""
    ids = lock_posts(post_ids)
    Report.objects.filter(post__in=ids, resolved_at=None).update(resolved_at=timezone.now())
    ReportedPost.objects.filter(pk__in=ids).delete()


def _state(kind: Target, target: Any) -> State:
    state: State = {name: _plain(getattr(target, name)) for name in kind.fields}
    if isinstance(target, Post):
        entry = ReportedPost.objects.filter(pk=target.pk).first()
        state["open_reports"] = entry.open_reports if entry else 0
    return state


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
