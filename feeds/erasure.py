"""Erases what a deleted user leaves, in steps.

What is still there is the cursor: a step that is killed, or comes twice, only finds less to do. A
step is short, so that no user waits for the millions of rows of another. If it leaves something, it
records the event again, before the consumer commits the one that it handles.
"""

import time
from collections.abc import Collection, Iterable
from datetime import datetime

from django.conf import settings

from accounts.events import UserDeleted
from accounts.selectors import deleted_since
from accounts.services import delete_refresh_tokens, mark_erased
from accounts.traces import erase_traces
from feeds import store
from follows.selectors import follower_ids
from follows.services import remove_followees, remove_followers
from moderation.services import erase_reasons_of, take_from_queue
from newsfeed.api.answers import forget_answers
from newsfeed.events import dead_letters, outbox
from posts.selectors import ids_deleted_since
from posts.services import erase_posts_of

STEP_SECONDS = 1.0
"""Of which the users in one batch of events each get a share, and a chunk at least..."""
MOST_SECONDS = 5.0
"""...while all of their chunks have not taken so long."""
CHUNK = 500
"""Rows, and feeds: each chunk takes some ten milliseconds."""


def erase(user_ids: Collection[int]) -> None:
    """One step for each user. Raises StoreUnavailable."""
    begun = time.monotonic()
    for n, user_id in enumerate(user_ids):
        is_late = n > 0 and time.monotonic() > begun + MOST_SECONDS
        if is_late or not _is_erased(user_id, seconds=STEP_SECONDS / len(user_ids)):
            take_up_again([user_id])


def _is_erased(user_id: int, *, seconds: float) -> bool:
    since = deleted_since(user_id)
    if since is None:  # an event of a database that was restored to a time before it
        return True
    give_up_at = time.monotonic() + seconds
    while _erase_chunk(user_id, since):
        if time.monotonic() > give_up_at:
            return False
    erase_traces(user_id)
    dead_letters.forget_author(user_id)
    store.workers.invalidate([user_id])
    mark_erased(user_id)
    return True


def _erase_chunk(user_id: int, since: datetime) -> bool:
    """Whether there was anything. Posts go first: no feed gets them back from MySQL then."""
    return bool(
        erase_posts_of(user_id, limit=CHUNK)
        or _leave_feeds(user_id, since)
        or remove_followees(user_id, limit=CHUNK)
        or forget_answers(user_id, limit=CHUNK)
        or delete_refresh_tokens(user_id, limit=CHUNK)
        or erase_reasons_of(user_id, limit=CHUNK)
        or take_from_queue(user_id, limit=CHUNK)
    )


def take_up_again(user_ids: Iterable[int]) -> None:
    """By an event, as a deletion starts it."""
    outbox.leave_to_relay(UserDeleted(actor_id=user_id) for user_id in user_ids)


def _leave_feeds(user_id: int, since: datetime) -> int:
    """How many followers had one followee too many. Redis first: the edges tell which feeds.

    A feed without these posts is complete, so no feed has to be built anew.
    """
    most = settings.FEED_MAX_LENGTH + settings.FEED_MAX_LENGTH // store.SLACK
    post_ids = ids_deleted_since(user_id, since, limit=most)
    chunk = min(CHUNK, store.PLACES // max(1, len(post_ids)))
    followers = follower_ids(user_id, after=0, limit=max(1, chunk))
    if followers:
        if post_ids:
            store.workers.remove(followers, post_ids)
        remove_followers(user_id, followers)
    return len(followers)
