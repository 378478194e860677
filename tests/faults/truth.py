"""A feed as it should be, and as it is read: ids, newest first."""

from feeds import services
from follows.models import Follow
from posts.models import Post


def feed_of(user_id: int) -> list[int]:
    """What MySQL says."""
    followed = Follow.objects.filter(follower=user_id).values("followee")
    posts = Post.objects.filter(user__in=followed, user__is_active=True)
    posts = posts.filter(deleted_at=None, hidden_at=None).order_by("-pk")
    return list(posts.values_list("pk", flat=True))


def walk(user_id: int, limit: int) -> list[int]:
    """What the pages show, all of them."""
    shown: list[int] = []
    before: int | None = services.NEWEST
    while before is not None:
        posts, before = services.read_feed(user_id, before=before, limit=limit)
        assert len(posts) == limit or before is None
        shown += [post.pk for post in posts]
    return shown
