"""A new post becomes a feed record for each follower of its author."""

from feeds.events import FeedRecord, encode_for_each
from follows.selectors import follower_ids
from newsfeed.events.registry import expands
from newsfeed.kafka.producer import Message
from newsfeed.kafka.topics import Topic
from posts.events import PostCreated
from posts.selectors import find_visible_post


@expands(PostCreated)
def feed_messages(event: PostCreated, *, after: int, limit: int) -> list[Message]:
    """The key is the follower's id.

    Followers are read after the post's commit: a later follow makes the follower's feed cold, and
    its rebuild finds the post. Read earlier, such a follower would get it from neither.
    """
    followers = follower_ids(event.actor_id, after=after, limit=limit)
    post = find_visible_post(event.post_id) if followers else None
    if post is None:
        return []
    record = FeedRecord(
        post_id=post.pk,
        author_id=post.user_id,
        follower_id=followers[0],
        content=post.content,
        created_at=post.created_at,
    )
    topic = Topic.FEED.today()
    values = encode_for_each(record, followers)
    return [
        Message(topic, follower, value) for follower, value in zip(followers, values, strict=True)
    ]
