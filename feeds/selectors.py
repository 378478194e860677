"""What MySQL knows of a home feed. Only here does hand-written SQL name other apps' tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connections, router
from django.db.models import Max

from accounts.selectors import UserSummary
from posts.models import Post
from posts.selectors import FeedPost

WINDOW_FACTOR = 4

# By hand, because every read of a feed runs it: compiling it and making instances costs the ORM
# six times the CPU. STRAIGHT_JOIN keeps it at the posts' keys, whatever the tables' statistics.
_FEED_POSTS = """
    SELECT STRAIGHT_JOIN
        p.id, p.content, p.created_at, p.edited_at, u.id, u.username, u.display_name
    FROM posts p
    JOIN follows f ON f.follower_id = %s AND f.followee_id = p.user_id
    JOIN users u ON u.id = p.user_id
    WHERE p.id IN %s AND p.deleted_at IS NULL AND p.hidden_at IS NULL AND u.is_active
"""


def feed_posts(viewer_id: int, ids: Sequence[int]) -> list[FeedPost]:
    """Those of the posts that the viewer's feed shows now, in the order of `ids`."""
    if not ids:
        return []
    with connections[router.db_for_read(Post)].cursor() as cursor:
        cursor.execute(_FEED_POSTS, [viewer_id, tuple(ids)])
        rows = {row[0]: row for row in cursor.fetchall()}
    return [_feed_post(*rows[id_]) for id_ in ids if id_ in rows]


def _feed_post(
    pk: int, content: str, created_at: datetime, edited_at: datetime | None, *author: Any
) -> FeedPost:
    """The driver's times are without a zone; the connection's is UTC."""
    edited_at = edited_at and edited_at.replace(tzinfo=UTC)
    return FeedPost(pk, content, created_at.replace(tzinfo=UTC), edited_at, UserSummary(*author))


def newest_ids(author_ids: Sequence[int], *, before: int, limit: int) -> list[int]:
    """The newest `limit` visible posts of these authors below the id `before`, newest first.

    Looks at windows of ids from `before` downwards, each four times as wide as the last. Within a
    window the (user_id, id) index is entered once per author, so many quiet authors cost little,
    and busy ones are found in the first windows. The one query with ORDER BY and LIMIT instead
    either walks everybody's posts or sorts all that these authors ever wrote. A window that holds
    far more than is wanted is not read to its end, but made narrower.
    """
    newest = Post.objects.aggregate(newest=Max("id"))["newest"] or 0
    top, width = min(before, newest + 1), WINDOW_FACTOR * limit
    most = WINDOW_FACTOR**2 * limit
    found: list[int] = []
    while author_ids and top > 1 and len(found) < limit:
        bottom = max(1, top - width)
        window = Post.objects.visible().filter(user__in=author_ids, id__gte=bottom, id__lt=top)
        ids = list(window.values_list("id", flat=True)[: most + 1])
        if len(ids) > most:
            width //= WINDOW_FACTOR
            continue
        found += sorted(ids, reverse=True)
        top, width = bottom, WINDOW_FACTOR * width
    return found[:limit]
