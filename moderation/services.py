"""Reports of users, and what moderators do.

Each action is one transaction: the change, the row that tells of it and, through the outbox, the
record on `audit.log`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from accounts.selectors import lock_active_user_or_raise, lock_user_or_raise
from accounts.services import reinstate_user, suspend_user
from moderation.events import event_of
from moderation.models import ModerationAction, Report, ReportedPost, Verb
from newsfeed.api.exceptions import Conflict
from newsfeed.events.recording import record
from newsfeed.mysql.transactions import transactional
from posts.models import Post
from posts.selectors import get_post_or_raise, lock_any_post_or_raise, lock_posts
from posts.services import delete_any_post, hide_post, unhide_post

SHOWN_REASONS = 3
State = dict[str, str | int | bool | None]


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
def moderate(verb: Verb, *, moderator: User, target_id: int, reason: str) -> ModerationAction:
    """Does it, resolves the open reports that it answers, and keeps who did what and why.

    Raises NotFound, Conflict if it is so already, and PermissionDenied for oneself and for staff,
    whom only a superuser suspends.
    """
    if verb in _POST_CHANGES:
        before, after = _change_post(verb, target_id)
    else:
        before, after = _change_user(verb, target_id, moderator)
    action = ModerationAction.objects.create(
        moderator=moderator,
        action=verb,
        target_type=verb.target_type,
        target_id=target_id,
        reason=reason,
        before=before,
        after=after,
    )
    record(event_of(action))
    return action


def _change_post(verb: Verb, post_id: int) -> tuple[State, State]:
    before = _state_of_post(lock_any_post_or_raise(post_id))
    post = _POST_CHANGES[verb](post_id)
    _resolve([post_id])
    return before, _state_of_post(post)


def _change_user(verb: Verb, user_id: int, moderator: User) -> tuple[State, State]:
    user = lock_user_or_raise(user_id)
    if user == moderator:
        raise PermissionDenied(_("Nobody moderates themselves."))
    if user.is_staff and not moderator.is_superuser:
        raise PermissionDenied(_("Only a superuser moderates staff."))
    before = _state_of_user(user)
    user = _USER_CHANGES[verb](user_id)
    if verb is Verb.SUSPEND_USER:
        _resolve(ReportedPost.objects.filter(author=user).values_list("pk", flat=True))
    return before, _state_of_user(user)


def _dismiss_reports(post_id: int) -> Post:
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


def _state_of_post(post: Post) -> State:
    entry = ReportedPost.objects.filter(pk=post.pk).first()
    return {
        "hidden_at": _iso(post.hidden_at),
        "deleted_at": _iso(post.deleted_at),
        "open_reports": entry.open_reports if entry else 0,
    }


def _state_of_user(user: User) -> State:
    return {"is_active": user.is_active, "suspended_at": _iso(user.suspended_at)}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


_POST_CHANGES: dict[Verb, Callable[[int], Post]] = {
    Verb.HIDE_POST: hide_post,
    Verb.UNHIDE_POST: unhide_post,
    Verb.DELETE_POST: delete_any_post,
    Verb.DISMISS_REPORTS: _dismiss_reports,
}
_USER_CHANGES: dict[Verb, Callable[[int], User]] = {
    Verb.SUSPEND_USER: suspend_user,
    Verb.REINSTATE_USER: reinstate_user,
}
