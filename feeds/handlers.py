"""What the records mean for the feeds."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from prometheus_client import Counter, Histogram

from feeds import services, store
from follows.selectors import follower_ids
from newsfeed.events.schemas import Activity, ActivityType, FeedRecord
from newsfeed.events.topics import Topic

DELIVERY = Histogram(
    "feed_delivery_seconds",
    "From the post's creation to its first follower's feed in the batch.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
WRITES = Counter("feed_fanout_writes_total", "Posts added to feeds.")

FOLLOWERS_PER_PAGE = 1_000


def push_posts(records: list[FeedRecord]) -> None:
    posts: defaultdict[int, list[int]] = defaultdict(list)
    for record in records:
        posts[record.follower_id].append(record.post_id)
    store.workers.push(posts)
    WRITES.inc(len(records))
    now = timezone.now()
    # Once a post and batch: observing every record would cost a tenth of applying it.
    for created_at in {record.post_id: record.created_at for record in records}.values():
        DELIVERY.observe(max(0.0, (now - created_at).total_seconds()))


def apply_activity(events: list[Activity]) -> None:
    """Whose follows changed gets a fresh feed, once for all the changes in the batch."""
    changed = {event.actor_id for event in events if event.type in FOLLOW_CHANGES}
    store.workers.invalidate(changed)
    for user_id in changed:
        services.rebuild(user_id, store.workers)
    deleted: defaultdict[int, list[int]] = defaultdict(list)
    for event in events:
        if event.type is ActivityType.POST_DELETE and event.post_id:
            deleted[event.actor_id].append(event.post_id)
    for author_id, post_ids in deleted.items():
        remove_posts(author_id, post_ids)


def remove_posts(author_id: int, post_ids: list[int]) -> None:
    """Reads already leave the posts out; this gives their places in the feeds back."""
    after = 0
    while page := follower_ids(author_id, after=after, limit=FOLLOWERS_PER_PAGE):
        store.workers.remove(page, post_ids)
        after = page[-1]


FOLLOW_CHANGES = {ActivityType.FOLLOW, ActivityType.UNFOLLOW}
HANDLERS: dict[Topic, Callable[[list[Any]], None]] = {
    Topic.FEED: push_posts,
    Topic.ACTIVITY: apply_activity,
}
