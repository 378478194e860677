from django.utils import timezone
from rest_framework.exceptions import PermissionDenied

from newsfeed.db import transactional
from posts.models import Post
from posts.selectors import lock_post_or_raise


@transactional
def create_post(*, user_id: int, content: str) -> Post:
    return Post.objects.create(user_id=user_id, content=content)


@transactional
def edit_post(*, user_id: int, post_id: int, content: str) -> Post:
    """Raises NotFound, and PermissionDenied for another one's post."""
    post = _lock_own_post_or_raise(user_id=user_id, post_id=post_id)
    post.content = content
    post.edited_at = timezone.now()
    post.save(update_fields=["content", "edited_at"])
    return post


@transactional
def delete_post(*, user_id: int, post_id: int) -> None:
    """Hide a post for good. Raises NotFound, and PermissionDenied for another one's post."""
    post = _lock_own_post_or_raise(user_id=user_id, post_id=post_id)
    post.deleted_at = timezone.now()
    post.save(update_fields=["deleted_at"])


def _lock_own_post_or_raise(*, user_id: int, post_id: int) -> Post:
    post = lock_post_or_raise(post_id)
    if post.user_id != user_id:
        raise PermissionDenied("This is another user's post.")
    return post
