"""What the records mean for the feeds."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from django.utils import timezone
from prometheus_client import Counter, Histogram

from accounts.events import UserDeleted
from feeds import erasure, services, settling, store
from feeds.events import FeedRecord
from follows.events import FollowEvent
from newsfeed.events.event import Event
from newsfeed.kafka.topics import Topic
from posts.events import VisibilityChanged

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

REBUILD_SECONDS = 0.2
"""A rebuild takes some 13 ms, mostly MySQL's, and feed records wait meanwhile."""


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


def apply_activity(events: Sequence[Event]) -> None:
    """Each of its parts is bounded in time, however many followers there are and events."""
    _freshen({event.actor_id for event in events if isinstance(event, FollowEvent)})
    erasure.erase({event.actor_id for event in events if isinstance(event, UserDeleted)})
    settling.settle(event for event in events if isinstance(event, VisibilityChanged))


def _freshen(user_ids: set[int]) -> None:
    """Whose follows changed gets a fresh feed, once for all the changes in the batch.

    All go cold first. For those that there is no time for, that is enough: who reads a cold feed
    rebuilds it.
    """
    store.workers.invalidate(user_ids)
    give_up_at = time.monotonic() + REBUILD_SECONDS
    for user_id in user_ids:
        if time.monotonic() > give_up_at:
            return
        services.rebuild(user_id, store.workers)


HANDLERS: dict[Topic, Callable[[list[Any]], None]] = {
    Topic.FEED: push_posts,
    Topic.ACTIVITY: apply_activity,
}
