from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from accounts.selectors import lock_active_user_or_raise
from newsfeed.api.exceptions import Conflict
from newsfeed.events.recording import record
from newsfeed.mysql.keyset import in_key_order
from newsfeed.mysql.transactions import transactional
from posts.events import PostDeleted, PostEvent, PostHidden, PostUnhidden, PostUpdated
from posts.models import Post
from posts.selectors import get_post_or_raise, lock_post_or_raise, lock_undeleted_post_or_raise

ERASED = Q(deleted_at__isnull=False, content="")


@transactional
def create_post(*, user_id: int, content: str) -> Post:
    """Raises SessionEnded for somebody who was suspended or deleted meanwhile."""
    lock_active_user_or_raise(user_id)
    return Post.objects.create(user_id=user_id, content=content)


@transactional
def edit_post(*, user_id: int, post_id: int, content: str) -> Post:
    """Raises NotFound, and PermissionDenied for another one's post."""
    post = _lock_own_post_or_raise(user_id=user_id, post_id=post_id)
    post.content = content
    post.edited_at = timezone.now()
    return _save(post, PostUpdated, ["content", "edited_at"])


@transactional
def delete_post(*, user_id: int, post_id: int) -> None:
    """Hide a post for good, and erase its text.

    Raises NotFound, and PermissionDenied for another one's post.
    """
    _delete(_lock_own_post_or_raise(user_id=user_id, post_id=post_id))


@transactional
def delete_any_post(post_id: int) -> Post:
    """As `delete_post`, anybody's post and also one that is hidden. Raises NotFound."""
    return _delete(lock_undeleted_post_or_raise(post_id))


def _delete(post: Post) -> Post:
    """The row stays: reports and moderators' actions are about it."""
    post.deleted_at, post.content = timezone.now(), ""
    return _save(post, PostDeleted, ["deleted_at", "content"])


@transactional
def erase_posts_of(user_id: int, *, limit: int) -> int:
    """Delete up to `limit` posts of a deleted user, and erase their texts. Returns how many.

    No event tells of each: the deletion of the user is one. Posts that an older version deleted
    count too, because it kept their texts. Each call passes over the posts that are done.
    """
    return _erase(Post.objects.filter(user=user_id).exclude(ERASED).order_by("pk")[:limit])


def erase_deleted_texts(*, size: int) -> Iterator[int]:
    """Erase the texts that an older version kept of deleted posts.

    Looks at `size` posts at a time, and yields how many of them had a text.
    """
    for ids in in_key_order(Post.objects.values_list("pk", flat=True), size):
        deleted = Post.objects.filter(pk__in=ids, deleted_at__isnull=False)
        yield _erase(deleted.exclude(content=""))


@transactional
def _erase(posts: QuerySet[Post]) -> int:
    ids = list(posts.values_list("pk", flat=True))
    rows = Post.objects.filter(pk__in=ids)
    rows.update(deleted_at=Coalesce("deleted_at", timezone.now()), content="")
    return len(ids)


@transactional
def hide_post(post_id: int) -> Post:
    """Take a post from every reader, its author too. Raises NotFound, and Conflict if it is so."""
    post = lock_undeleted_post_or_raise(post_id)
    if post.hidden_at:
        raise Conflict(_("The post is hidden already."))
    post.hidden_at = timezone.now()
    return _save(post, PostHidden, ["hidden_at"])


@transactional
def unhide_post(post_id: int) -> Post:
    """Give a hidden post back to its readers. Raises NotFound, and Conflict if it is not hidden."""
    post = lock_undeleted_post_or_raise(post_id)
    if not post.hidden_at:
        raise Conflict(_("The post is not hidden."))
    post.hidden_at = None
    return _save(post, PostUnhidden, ["hidden_at"])


def _save(post: Post, event_type: type[PostEvent], fields: list[str]) -> Post:
    post.save(update_fields=fields)
    record(event_type(actor_id=post.user_id, post_id=post.pk))
    return post


def _lock_own_post_or_raise(*, user_id: int, post_id: int) -> Post:
    post = lock_post_or_raise(post_id)
    if post.user_id != user_id:
        get_post_or_raise(post_id)  # of a suspended author nobody is told that it exists
        raise PermissionDenied(_("This is another user's post."))
    return post
