from collections.abc import Sequence

from django.db.models import Max
from rest_framework.exceptions import NotFound

from accounts.selectors import get_user_or_raise
from newsfeed.api.paging import PageRequest
from posts.models import Post, PostQuerySet

WINDOW_FACTOR = 4


def get_post_or_raise(post_id: int) -> Post:
    """A visible post with its author. Raises NotFound."""
    return _get_or_raise(Post.objects.select_related("user"), post_id)


def lock_post_or_raise(post_id: int) -> Post:
    """A visible post, locked to the end of the transaction. Raises NotFound."""
    return _get_or_raise(Post.objects.select_for_update(), post_id)


def _get_or_raise(posts: PostQuerySet, post_id: int) -> Post:
    post = posts.visible().filter(pk=post_id).first()
    if post is None:
        raise NotFound("There is no such post.")
    return post


def posts_of_user(user_id: int, page: PageRequest) -> tuple[list[Post], int | None]:
    """A page of one user's visible posts, newest first, and the cursor of the next page.

    Raises NotFound for an unknown user.
    """
    user = get_user_or_raise(user_id)
    posts = user.posts.visible().order_by("-id")
    if page.before:
        posts = posts.filter(id__lt=page.before)
    rows = list(posts[: page.limit + 1])
    shown = rows[: page.limit]
    return shown, shown[-1].pk if len(rows) > page.limit else None


def find_visible_post(post_id: int) -> Post | None:
    return Post.objects.visible().filter(pk=post_id).first()


def feed_posts(viewer_id: int, ids: Sequence[int]) -> list[Post]:
    """Those of the posts that the viewer's feed shows now, with their authors, in the given order.

    One query, by primary key, without a sort: with ORDER BY, MariaDB begins at the users and sorts
    the join.
    """
    posts = (
        Post.objects.visible()
        .filter(pk__in=ids, user__follower_edges__follower_id=viewer_id)
        .select_related("user")
        .only("content", "created_at", "updated_at", "user__username", "user__display_name")
    )
    found = {post.pk: post for post in posts}
    return [found[id_] for id_ in ids if id_ in found]


def newest_ids(author_ids: Sequence[int], *, before: int, limit: int) -> list[int]:
    """The newest `limit` visible posts of these authors below the id `before`, newest first.

    Looks at windows of ids from `before` downwards, each four times as wide as the last. Within a
    window the (user_id, id) index is entered once per author, so many quiet authors cost little,
    and busy ones are found in the first windows. The one query with ORDER BY and LIMIT instead
    either walks everybody's posts or sorts all that these authors ever wrote.
    """
    newest = Post.objects.aggregate(newest=Max("id"))["newest"] or 0
    top, width = min(before, newest + 1), WINDOW_FACTOR * limit
    found: list[int] = []
    while author_ids and top > 1 and len(found) < limit:
        bottom = max(1, top - width)
        window = Post.objects.visible().filter(user__in=author_ids, id__gte=bottom, id__lt=top)
        found += sorted(window.values_list("id", flat=True), reverse=True)
        top, width = bottom, WINDOW_FACTOR * width
    return found[:limit]
