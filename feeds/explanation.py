"""Why a post is, or is not, in a user's feed: what MySQL, the outbox and Redis say of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from accounts.selectors import get_any_user_or_raise
from feeds import store
from feeds.store import Content, StoreUnavailable
from follows.selectors import followed_since
from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from posts.models import Post
from posts.selectors import get_any_post_or_raise


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

    @property
    def verdict(self) -> str:
        """One sentence, by the rules of `services.read_feed`."""
        return self._why_hidden() or self._where_found()

    def _why_hidden(self) -> str:
        """What every read filters out; else empty."""
        if self.post.deleted_at:
            return "Not shown: the post is deleted."
        if self.post.hidden_at:
            return "Not shown: a moderator has hidden the post."
        if not self.post.user.is_active:
            return "Not shown: the author is suspended."
        if self.post.user_id == self.user_id:
            return "Not shown: it is the user's own post."
        return "" if self.followed_since else "Not shown: the user does not follow the author."

    def _where_found(self) -> str:
        if self.floor is None:
            return f"Shown: the feed is {self.feed_state}, so reads take it from MySQL."
        if self.post.pk <= self.floor:
            return "Shown: it is not above the floor, where reads go on in MySQL."
        if self.in_redis:
            return "Shown: the ready feed holds it."
        if self.waiting:
            return "Not shown yet: it waits in the outbox for the relay."
        return "Not shown: on its way through Kafka or lost; a rebuild of the feed shows it."


def explain(user_id: int, post_id: int) -> Explanation:
    """Raises NotFound for an unknown user or post."""
    get_any_user_or_raise(user_id)
    post = get_any_post_or_raise(post_id)
    state, content = _feed(user_id)
    return Explanation(
        user_id=user_id,
        post=post,
        followed_since=followed_since(follower_id=user_id, followee_id=post.user_id),
        feed_state=state,
        floor=content.floor if content and content.is_ready else None,
        in_redis=content is not None and str(post_id) in content.scores,
        waiting=outbox.find_post_create(post_id),
    )


def _feed(user_id: int) -> tuple[FeedState, Content | None]:
    try:
        content = store.requests.peek([user_id]).get(user_id)
    except StoreUnavailable:
        return FeedState.UNKNOWN, None
    if content is None:
        return FeedState.COLD, None
    return FeedState.READY if content.is_ready else FeedState.BUILDING, content
