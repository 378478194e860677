from collections.abc import Sequence

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError

from accounts.selectors import lock_users_or_raise
from follows.models import Follow
from newsfeed.api.exceptions import Conflict
from newsfeed.mysql.transactions import transactional


@transactional
def follow(*, follower_id: int, followee_id: int) -> Follow:
    """Raises NotFound, Conflict if followed already, ValidationError for oneself or one too many.

    The lock on the follower lets one follow at a time see the count and the pair.
    """
    if follower_id == followee_id:
        raise ValidationError({"followee_id": [_("You cannot follow yourself.")]})
    lock_users_or_raise(exclusive_id=follower_id, shared_id=followee_id)
    following = Follow.objects.filter(follower=follower_id)
    if following.filter(followee=followee_id).exists():
        raise Conflict(_("You follow this user already."))
    if following.count() >= settings.FOLLOWING_LIMIT:
        message = _("You cannot follow more than %(limit)d users.")
        raise ValidationError({"followee_id": [message % {"limit": settings.FOLLOWING_LIMIT}]})
    return Follow.objects.create(follower_id=follower_id, followee_id=followee_id)


@transactional
def unfollow(*, follower_id: int, followee_id: int) -> None:
    """Raises NotFound for an unknown user, and for one who is not followed."""
    edge = (
        Follow.objects.select_for_update()
        .filter(follower=follower_id, followee=followee_id)
        .first()
    )
    if edge is None:
        raise NotFound(_("You do not follow this user."))
    edge.delete()


# By hand: the ORM would load each edge, and tell of it as if somebody had unfollowed.
_REMOVE_FOLLOWERS = "DELETE FROM follows WHERE followee_id = %s AND follower_id IN %s"
_REMOVE_FOLLOWEES = "DELETE FROM follows WHERE follower_id = %s LIMIT %s"


@transactional
def remove_followers(user_id: int, follower_ids: Sequence[int]) -> None:
    """Of a user whose deletion is an event of its own: nobody is told of each."""
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE_FOLLOWERS, [user_id, tuple(follower_ids)])


@transactional
def remove_followees(user_id: int, *, limit: int) -> int:
    """As `remove_followers`, of those whom the user follows. How many it were."""
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE_FOLLOWEES, [user_id, limit])
        return int(cursor.rowcount)
