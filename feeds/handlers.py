"""What the records mean for the feeds."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone
from prometheus_client import Counter, Histogram

from feeds import erasure, services, store
from follows.selectors import follower_ids
from newsfeed.events.schemas import Activity, ActivityType, FeedRecord
from newsfeed.events.topics import Topic
from posts.selectors import visible_ids

DELIVERY = Histogram(
    "feed_delivery_seconds",
    "From the post's creation, in the transaction, to its followers' feeds, once a batch.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
EARLY = Counter("feed_delivery_clock_skew_total", "Posts delivered before their creation.")
WRITES = Counter(
    "feed_fanout_writes_total", "Feed records applied: to a feed in Redis, or to none.", ["outcome"]
)
for _outcome in ("written", "cold"):
    WRITES.labels(_outcome)

FOLLOWERS_PER_PAGE = 1_000


def push_posts(records: list[FeedRecord]) -> None:
    posts: defaultdict[int, list[int]] = defaultdict(list)
    for record in records:
        posts[record.follower_id].append(record.post_id)
    written = store.workers.push(posts)
    WRITES.labels("written").inc(written)
    WRITES.labels("cold").inc(len(records) - written)
    now = timezone.now()
    # Once a post and batch: observing every record would cost a tenth of applying it.
    for created_at in {record.post_id: record.created_at for record in records}.values():
        _observe_delivery((now - created_at).total_seconds())


def _observe_delivery(seconds: float) -> None:
    """MySQL has no time of commit. The row gets its time just before it: some ms are ours."""
    EARLY.inc(seconds < 0)
    DELIVERY.observe(max(0.0, seconds))


def apply_activity(events: list[Activity]) -> None:
    """Whose follows changed gets a fresh feed, once for all the changes in the batch."""
    changed = {event.actor_id for event in events if event.type in FOLLOW_CHANGES}
    store.workers.invalidate(changed)
    for user_id in changed:
        services.rebuild(user_id, store.workers)
    touched: defaultdict[int, set[int]] = defaultdict(set)
    for event in events:
        if event.type in VISIBILITY_CHANGES and event.post_id:
            touched[event.actor_id].add(event.post_id)
    for author_id, post_ids in touched.items():
        settle_posts(author_id, post_ids)
    erasure.erase({event.actor_id for event in events if event.type == ActivityType.USER_DELETE})


def settle_posts(author_id: int, post_ids: set[int]) -> None:
    """Takes posts from the followers' feeds, or gives them back, as MySQL has it by now.

    MySQL is asked and not the event, so the order of a hiding and an unhiding does not matter. And
    it is asked again after the removal: a post that was unhidden in between may have been given
    back before the removal came to that feed. If it is still hidden then, its unhiding has an
    event to come.
    """
    visible = visible_ids(post_ids)
    _give_back(author_id, visible)
    if gone := post_ids - visible:
        for page in _pages_of_followers(author_id):
            store.workers.remove(page, sorted(gone))
        _give_back(author_id, visible_ids(gone))


def _give_back(author_id: int, post_ids: set[int]) -> None:
    for page in _pages_of_followers(author_id) if post_ids else ():
        store.workers.push(dict.fromkeys(page, sorted(post_ids)))


def _pages_of_followers(author_id: int) -> Iterator[list[int]]:
    after = 0
    while page := follower_ids(author_id, after=after, limit=FOLLOWERS_PER_PAGE):
        yield page
        after = page[-1]


FOLLOW_CHANGES = {ActivityType.FOLLOW, ActivityType.UNFOLLOW}
VISIBILITY_CHANGES = {ActivityType.POST_DELETE, ActivityType.POST_HIDE, ActivityType.POST_UNHIDE}
HANDLERS: dict[Topic, Callable[[list[Any]], None]] = {
    Topic.FEED: push_posts,
    Topic.ACTIVITY: apply_activity,
}
