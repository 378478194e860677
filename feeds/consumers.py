"""What the records mean for the feeds.

New posts have a consumer of their own: nothing that takes long delays them.
"""

from collections import defaultdict
from collections.abc import Sequence

from django.utils import timezone
from prometheus_client import Counter, Histogram

from accounts import erasure
from accounts.events import UserDeleted
from feeds import services, store, visibility
from feeds.events import FeedRecord
from follows.events import Followed, FollowEvent, Unfollowed
from newsfeed.events.event import Event
from newsfeed.events.groups import consumer
from posts.events import PostDeleted, PostHidden, PostUnhidden, VisibilityChanged

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


@consumer("feed", FeedRecord)
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


@consumer("visibility", PostDeleted, PostHidden, PostUnhidden, Followed, Unfollowed, UserDeleted)
def apply_visibility(events: Sequence[Event]) -> None:
    """Erasing and removing go in short steps, however many followers and events there are."""
    _refresh({event.actor_id for event in events if isinstance(event, FollowEvent)})
    erasure.erase({event.actor_id for event in events if isinstance(event, UserDeleted)})
    visibility.apply(event for event in events if isinstance(event, VisibilityChanged))


def _refresh(user_ids: set[int]) -> None:
    """Whose follows changed gets a fresh feed, once for all the changes in the batch.

    All go cold first: whoever reads a cold feed rebuilds it.
    """
    store.workers.invalidate(user_ids)
    for user_id in user_ids:
        services.rebuild(user_id, store.workers)
