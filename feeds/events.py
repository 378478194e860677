"""The record of the topic `feed`."""

from collections.abc import Iterable, Iterator

import msgspec

from newsfeed.events import registry
from newsfeed.events.event import Id, Time
from newsfeed.kafka.topics import Topic


class FeedRecord(msgspec.Struct, frozen=True):
    """This post belongs into that follower's feed."""

    post_id: Id
    author_id: Id
    follower_id: Id
    content: str
    created_at: Time


registry.register_record(Topic.FEED, FeedRecord)


def encode_for_each(record: FeedRecord, follower_ids: Iterable[int]) -> Iterator[bytes]:
    """The record as JSON, once per follower.

    The records of one post differ in one number, so all the rest is encoded only once.
    """
    head, tail = registry.encode(record).split(b'"follower_id":%d' % record.follower_id, 1)
    head += b'"follower_id":'
    return (b"%b%d%b" % (head, follower_id, tail) for follower_id in follower_ids)
