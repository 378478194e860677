from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from accounts.selectors import UserSummary, get_user_or_raise
from newsfeed.api.paging import PageRequest, page_of
from posts.models import Post, PostQuerySet


def get_post_or_raise(post_id: int) -> Post:
    """A visible post with its author, who is not suspended. Raises NotFound."""
    shown = Post.objects.visible().filter(user__is_active=True).select_related("user")
    return _get_or_raise(shown, post_id)


def get_any_post_or_raise(post_id: int) -> Post:
    """A post with its author, also a deleted or a hidden one. Raises NotFound."""
    return _get_or_raise(Post.objects.select_related("user"), post_id)


def lock_post_or_raise(post_id: int) -> Post:
    """A visible post, locked to the end of the transaction. Raises NotFound."""
    return _get_or_raise(Post.objects.visible().select_for_update(), post_id)


def lock_any_post_or_raise(post_id: int) -> Post:
    """A post, also a deleted one, locked to the end of the transaction. Raises NotFound."""
    return _get_or_raise(Post.objects.select_for_update(), post_id)


def lock_posts(post_ids: Iterable[int]) -> list[int]:
    """The ids of those that exist, whose rows are locked to the end of the transaction."""
    posts = Post.objects.filter(pk__in=list(post_ids)).order_by("pk").select_for_update()
    return list(posts.values_list("pk", flat=True))


def lock_undeleted_post_or_raise(post_id: int) -> Post:
    """A post, also a hidden one, locked to the end of the transaction. Raises NotFound."""
    return _get_or_raise(Post.objects.filter(deleted_at=None).select_for_update(), post_id)


def _get_or_raise(posts: PostQuerySet, post_id: int) -> Post:
    post = posts.filter(pk=post_id).first()
    if post is None:
        raise NotFound(_("There is no such post."))
    return post


def posts_of_user(user_id: int, page: PageRequest) -> tuple[list[Post], int | None]:
    """A page of one user's visible posts, newest first, and the cursor of the next page.

    Raises NotFound for an unknown user and for a suspended one.
    """
    user = get_user_or_raise(user_id)
    posts, cursor = page_of(Post.objects.visible().filter(user=user), page)
    for post in posts:
        post.user = user  # spares a join
    return posts, cursor


def find_visible_post(post_id: int) -> Post | None:
    return Post.objects.visible().filter(pk=post_id).first()


def visible_ids(post_ids: Iterable[int]) -> set[int]:
    return set(Post.objects.visible().filter(pk__in=post_ids).values_list("pk", flat=True))


def ids_deleted_since(user_id: int, since: datetime, *, limit: int) -> list[int]:
    """Of a user's posts that were deleted then or later, the newest."""
    deleted = Post.objects.filter(user=user_id, deleted_at__gte=since).order_by("-pk")
    return list(deleted.values_list("pk", flat=True)[:limit])


def authors_of(post_ids: Iterable[int]) -> dict[int, int]:
    """{post id: author id} of those that exist, deleted ones too."""
    return dict(Post.objects.filter(pk__in=post_ids).values_list("pk", "user_id"))


class FeedPost(NamedTuple):
    """What a serializer reads of a post, without the cost of a model instance."""

    pk: int
    content: str
    created_at: datetime
    edited_at: datetime | None
    user: UserSummary
