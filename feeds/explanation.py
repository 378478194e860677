"""Why a post is, or is not, in a user's feed: what MySQL, Redis and the outbox say of it.

And the dead letters, on Kafka and in MySQL.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

import orjson
from django.utils.translation import gettext as _

from accounts.selectors import get_any_user_or_raise
from feeds import store
from feeds.store import StoredFeed, StoreUnavailable
from follows.selectors import followed_since
from newsfeed.events import outbox, replay
from newsfeed.events.models import DeadLetter, OutboxEvent
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic
from posts.events import PostCreated
from posts.models import Post
from posts.selectors import get_any_post_or_raise

MAX_LETTERS = 10_000
"""A request looks at no more of those that wait, oldest first: about a second's reading."""


class FeedState(StrEnum):
    COLD = "cold"
    BUILDING = "building"
    READY = "ready"
    UNKNOWN = "unknown"
    """Redis does not answer."""


@dataclass(frozen=True, slots=True)
class Explanation:
    user_id: int
    post: Post
    followed_since: datetime | None
    """None: the user does not follow the author."""
    feed_state: FeedState
    floor: int | None
    in_redis: bool
    waiting: OutboxEvent | None
    """The post's announcement, when Kafka does not have all of it yet."""
    dead_letters: list[DeadLetter] | None
    """Of the post, or of the user's follow of its author. None: Kafka does not answer."""

    @property
    def verdict(self) -> str:
        """One sentence, by the rules of `services.read_feed`."""
        return self._why_hidden() or self._where_found()

    def _why_hidden(self) -> str:
        """What every read filters out; else empty."""
        if self.post.deleted_at:
            return _("Not shown: the post is deleted.")
        if self.post.hidden_at:
            return _("Not shown: a moderator has hidden the post.")
        if not self.post.user.is_active:
            return _("Not shown: the author is suspended or deleted.")
        if self.post.user_id == self.user_id:
            return _("Not shown: it is the user's own post.")
        return "" if self.followed_since else _("Not shown: the user does not follow the author.")

    def _where_found(self) -> str:
        if self.floor is None:
            verdict = _("Shown: the feed is %(state)s, so reads take it from MySQL.")
            return verdict % {"state": self.feed_state}
        if self.post.pk <= self.floor:
            return _("Shown: it is not above the floor, where reads go on in MySQL.")
        if self.in_redis:
            return _("Shown: the ready feed holds it.")
        if self.waiting:
            return _("Not shown yet: it waits in the outbox for the relay.")
        if any(letter.topic == Topic.FEED for letter in self.dead_letters or []):
            return _("Not shown: its record is a dead letter; a replay or a rebuild shows it.")
        return _("Not shown: on its way through Kafka or lost; a rebuild of the feed shows it.")


def explain(user_id: int, post_id: int) -> Explanation:
    """Raises NotFound for an unknown user or post."""
    get_any_user_or_raise(user_id)
    post = get_any_post_or_raise(post_id)
    state, feed = _feed(user_id)
    return Explanation(
        user_id=user_id,
        post=post,
        followed_since=followed_since(follower_id=user_id, followee_id=post.user_id),
        feed_state=state,
        floor=feed.floor if feed and feed.is_ready else None,
        in_redis=feed is not None and str(post_id) in feed.scores,
        waiting=outbox.find_waiting(PostCreated, post_id),
        dead_letters=_dead_letters(user_id, post),
    )


def _feed(user_id: int) -> tuple[FeedState, StoredFeed | None]:
    try:
        feed = store.requests.peek([user_id]).get(user_id)
    except StoreUnavailable:
        return FeedState.UNKNOWN, None
    if feed is None:
        return FeedState.COLD, None
    return FeedState.READY if feed.is_ready else FeedState.BUILDING, feed


def _dead_letters(user_id: int, post: Post) -> list[DeadLetter] | None:
    try:
        with closing(replay.waiting(list(Topic))) as waiting:
            letters = (one.letter for one in islice(waiting, MAX_LETTERS))
            return [letter for letter in letters if _concerns(letter, user_id, post)]
    except Unavailable:
        return None


def _concerns(letter: DeadLetter, user_id: int, post: Post) -> bool:
    """Read leniently: many a letter is dead because it does not fit its schema."""
    try:
        record = orjson.loads(bytes(letter.value))
    except orjson.JSONDecodeError:
        return False
    if not isinstance(record, dict):
        return False
    if letter.topic == Topic.FEED:
        return (record.get("post_id"), record.get("follower_id")) == (post.pk, user_id)
    follow = (record.get("actor_id"), record.get("followee_id"))
    return record.get("post_id") == post.pk or follow == (user_id, post.user_id)
