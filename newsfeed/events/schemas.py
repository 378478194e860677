"""What the records on the topics look like. Decoding checks every field."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from newsfeed.events.topics import Topic

# A Redis score is a double: ids above 2^53 would tie.
Id = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class InvalidRecord(Exception):
    """The record can never be applied: not JSON, a field missing, unknown or of the wrong type."""


class FeedRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Topic `feed`: this post belongs into that follower's feed."""

    post_id: Id
    author_id: Id
    follower_id: Id
    content: str
    created_at: Time


class ActivityType(StrEnum):
    POST_CREATE = "POST_CREATE"
    POST_UPDATE = "POST_UPDATE"
    POST_DELETE = "POST_DELETE"
    POST_HIDE = "POST_HIDE"
    POST_UNHIDE = "POST_UNHIDE"
    FOLLOW = "FOLLOW"
    UNFOLLOW = "UNFOLLOW"
    USER_DELETE = "USER_DELETE"
    """And with the user all posts and follows: no event tells of each of those."""


class Activity(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Topic `activity`: the actor did something to a post or to another user."""

    type: ActivityType
    version: Literal[1]
    event_id: UUID
    occurred_at: Time
    actor_id: Id
    post_id: Id | None = None
    followee_id: Id | None = None
    settled_to: Id | None = None
    """The rest of an earlier event: followers up to this id have been seen to."""

    @property
    def entity_id(self) -> int:
        """What the event is about: events about one thing share a partition."""
        return self.post_id or self.actor_id


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Topic `audit.log`: a moderator did something to a post or a user, and why."""

    type: str
    version: Literal[1]
    event_id: UUID
    occurred_at: Time
    actor_id: Id
    target_type: str
    target_id: Id
    reason: str
    before: dict[str, str | int | bool | None]
    after: dict[str, str | int | bool | None]

    @property
    def entity_id(self) -> int:
        return self.target_id


Record = FeedRecord | Activity
_DECODERS: dict[Topic, msgspec.json.Decoder[Record]] = {
    Topic.FEED: msgspec.json.Decoder(FeedRecord),
    Topic.ACTIVITY: msgspec.json.Decoder(Activity),
}


def decode(topic: Topic, value: bytes | None) -> Record:
    """Raises InvalidRecord."""
    try:
        return _DECODERS[topic].decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecord(str(error)) from error


def encode(record: Record | AuditRecord) -> bytes:
    return msgspec.json.encode(record)


def encode_for_each(record: FeedRecord, follower_ids: Iterable[int]) -> Iterator[bytes]:
    """The record as JSON, once per follower.

    The records of one post differ in one number, so all the rest is encoded only once.
    """
    head, tail = encode(record).split(b'"follower_id":%d' % record.follower_id, 1)
    head += b'"follower_id":'
    return (b"%b%d%b" % (head, follower_id, tail) for follower_id in follower_ids)
