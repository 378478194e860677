"""Reading a feed, and rebuilding it from MySQL."""

import logging
import secrets
from collections.abc import Iterator

from django.conf import settings
from prometheus_client import Counter

from feeds import store
from feeds.selectors import feed_posts, newest_ids
from feeds.store import FeedPage, FeedStore, StoreUnavailable
from follows.selectors import active_followee_ids, followee_ids
from newsfeed.mysql.replica import on_primary
from posts.selectors import FeedPost

logger = logging.getLogger(__name__)

NEWEST = 2**63 - 1
"""Above every post id: a page "before" it is the first."""
SPARE = 10
"""Read beyond a page's need, so that a few deleted posts do not cost a walk in MySQL."""

READ_SOURCE = Counter("feed_read_source_total", "Where feed pages came from.", ["source"])
for _source in ("redis", "rebuild", "db"):
    READ_SOURCE.labels(_source)


def read_feed(
    user_id: int, *, before: int = NEWEST, limit: int
) -> tuple[list[FeedPost], int | None]:
    """Up to `limit` visible posts below the id `before`, newest first, and the next `before`.

    The page is full unless the feed ends, and the next `before` is None only at its end. MySQL
    decides at the time of the read what is shown; Redis only tells where to look.
    """
    posts: list[FeedPost] = []
    for ids in _candidates(user_id, before, limit + 1):
        posts += feed_posts(user_id, ids)
        if len(posts) > limit:
            return posts[:limit], posts[limit - 1].pk
    return posts, None


def rebuild(user_id: int, feeds: FeedStore) -> FeedPage | None:
    """Makes a cold feed ready; None when somebody else is at it. Raises StoreUnavailable."""
    token = secrets.randbelow(2**53 - 1) + 1
    if not feeds.begin(user_id, token):
        return None
    snapshot = take_snapshot(user_id)
    feeds.finish(user_id, token, snapshot)
    return snapshot


def take_snapshot(user_id: int) -> FeedPage:
    """The feed as MySQL has it, down to the cap.

    Posts of suspended authors are in it: each read leaves them out, and when the author is
    reinstated nothing has to be brought back.
    """
    cap = settings.FEED_MAX_LENGTH
    # What commits before this reading must be in it, and a replica may be as old as the request.
    with on_primary():
        ids = newest_ids(followee_ids(user_id), before=NEWEST, limit=cap + 1)
    return FeedPage(ids[:cap], floor=ids[cap] if len(ids) > cap else 0)


def _candidates(user_id: int, before: int, count: int) -> Iterator[list[int]]:
    """The ids of a feed below `before`, newest first, in portions of up to `count`."""
    ids, rest = _from_redis(user_id, before, count)
    for start in range(0, len(ids), count):
        yield ids[start : start + count]
    if rest <= 1:
        return
    authors = active_followee_ids(user_id)
    while ids := newest_ids(authors, before=rest, limit=count):
        yield ids
        rest = ids[-1]


def _from_redis(user_id: int, before: int, count: int) -> tuple[list[int], int]:
    """Ids that Redis answers for, and the id below which MySQL has to go on."""
    try:
        page = store.requests.read(user_id, before=before, limit=count + SPARE)
        if page is not None:
            READ_SOURCE.labels("redis").inc()
            is_all = len(page.ids) < count + SPARE
            return page.ids, min(before, page.floor + 1) if is_all else page.ids[-1]
        snapshot = rebuild(user_id, store.requests)
    except StoreUnavailable as error:
        logger.warning("feed of user %d is read from MySQL: %r", user_id, error)
        snapshot = None
    if snapshot is None:
        READ_SOURCE.labels("db").inc()
        return [], before
    READ_SOURCE.labels("rebuild").inc()
    return [id_ for id_ in snapshot.ids if id_ < before], min(before, snapshot.floor + 1)
