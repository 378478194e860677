"""Feeds have no rows. But the posts of a deleted author must leave those of the followers."""

from accounts.data_registry import erases, erases_at_the_end
from accounts.selectors import deleted_since
from feeds import store
from follows.selectors import follower_ids
from follows.services import remove_followers
from newsfeed.events import dead_letters
from posts.selectors import ids_deleted_since


@erases
def leave_feeds(user_id: int, limit: int) -> int:
    """How many followers had one followee too many. Raises StoreUnavailable.

    The posts are erased by now, so no feed gets them back from MySQL. Redis goes first: the edges
    tell which feeds. A feed without these posts is complete, so no feed has to be rebuilt.
    """
    since = deleted_since(user_id)
    if since is None:
        return 0
    post_ids = ids_deleted_since(user_id, since, limit=store.max_length())
    chunk = min(limit, store.PLACES // max(1, len(post_ids)))
    followers = follower_ids(user_id, after=0, limit=max(1, chunk))
    if followers:
        if post_ids:
            store.workers.remove(followers, post_ids)
        remove_followers(user_id, followers)
    return len(followers)


@erases_at_the_end
def forget(user_id: int) -> None:
    dead_letters.forget_author(user_id)
    store.workers.invalidate([user_id])
