from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import User
from follows.models import Follow
from posts.models import Post


@dataclass(frozen=True, slots=True)
class Profile:
    """A user as another one sees them."""

    user: User
    follower_count: int
    following_count: int
    post_count: int
    followed_by_me: bool


def get_profile(*, user: User, viewer_id: int) -> Profile:
    """The counts equal the lists: they leave out users who are suspended or deleted."""
    followers = Follow.objects.filter(followee=user)
    return Profile(
        user=user,
        follower_count=_count_seen(followers, "followee", "follower"),
        following_count=_count_seen(Follow.objects.filter(follower=user), "follower", "followee"),
        post_count=Post.objects.visible().filter(user=user).count(),
        followed_by_me=followers.filter(follower_id=viewer_id).exists(),
    )


def _count_seen(edges: QuerySet[Any], one: str, other: str) -> int:
    """All of a user's edges, less those to users whom nobody sees.

    Both are counted along an index. A join would look up the row of each follower: ten times the
    time at 100,000 of them.
    """
    unseen = edges.filter(**{f"{other}__in": User.objects.filter(is_active=False, erased_at=None)})
    unseen_count = unseen.order_by().values(one).annotate(count=Count("*")).values("count")
    counts = edges.aggregate(seen=Count("*") - Coalesce(Subquery(unseen_count), 0))
    return int(counts["seen"])
