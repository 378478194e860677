from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from accounts.selectors import get_user_or_raise, users_by_ids
from follows.models import Follow
from newsfeed.api.paging import PageRequest, page_of


def followers_of_user(user_id: int, page: PageRequest) -> tuple[list[User], int | None]:
    """A page of who follows a user, highest id first, and the cursor of the next page.

    Raises NotFound for an unknown user and for a suspended one. Those who are suspended are left
    out, so a page may be shorter than asked for.
    """
    get_user_or_raise(user_id)
    return _page_of_users(Follow.objects.filter(followee=user_id), "follower_id", page)


def followees_of_user(user_id: int, page: PageRequest) -> tuple[list[User], int | None]:
    """A page of whom a user follows, as `followers_of_user` gives it."""
    get_user_or_raise(user_id)
    return _page_of_users(Follow.objects.filter(follower=user_id), "followee_id", page)


def _page_of_users(
    edges: QuerySet[Follow], column: str, page: PageRequest
) -> tuple[list[User], int | None]:
    """Ids by the index first, then users by key: a join would sort all the edges."""
    ids, cursor = page_of(edges.values_list(column, flat=True), page, key=column)
    users = users_by_ids(ids)
    return [users[user_id] for user_id in ids if user_id in users], cursor


def followed_since(*, follower_id: int, followee_id: int) -> datetime | None:
    """None if the one does not follow the other."""
    edge = Follow.objects.filter(follower=follower_id, followee=followee_id).first()
    return edge.created_at if edge else None


def follower_ids(user_id: int, *, after: int, limit: int) -> list[int]:
    """The next followers of a user above the id `after`, lowest first."""
    edges = Follow.objects.filter(followee=user_id, follower__gt=after)
    return list(edges.order_by("follower_id").values_list("follower_id", flat=True)[:limit])


def followee_ids(user_id: int) -> list[int]:
    """Everybody a user follows, suspended ones too: at most FOLLOWING_LIMIT."""
    return list(Follow.objects.filter(follower=user_id).values_list("followee_id", flat=True))


def active_followee_ids(user_id: int) -> list[int]:
    """Those of them who are not suspended."""
    edges = Follow.objects.filter(follower=user_id, followee__is_active=True)
    return list(edges.values_list("followee_id", flat=True))
