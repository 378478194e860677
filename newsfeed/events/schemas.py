"""What the records on the topics look like.

Decoding checks every field that this version knows. It ignores the others and skips types that it
does not know, because during a rollout producers may be newer than their readers: the "tolerant
reader" of Martin Fowler (martinfowler.com/bliki/TolerantReader.html).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from newsfeed.kafka.topics import Topic

# A Redis score is a double: ids above 2^53 would tie.
Id = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class InvalidRecord(Exception):
    """This version can never apply the record: not JSON, or a field missing or of a wrong type."""


class UnknownType(InvalidRecord):
    """An activity of a type that this version does not know."""

    def __init__(self, type_: str) -> None:
        super().__init__(f"{type_} is no type that this version knows")
        self.type = type_


class FeedRecord(msgspec.Struct, frozen=True):
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


ABOUT_A_USER = {ActivityType.FOLLOW, ActivityType.UNFOLLOW}
ABOUT_A_POST = set(ActivityType) - ABOUT_A_USER - {ActivityType.USER_DELETE}


class Activity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Topic `activity`: the actor did something to a post or to another user.

    Raises ValueError without the id that the type needs.
    """

    type: ActivityType
    version: Literal[1]
    event_id: UUID
    occurred_at: Time
    actor_id: Id
    post_id: Id | None = None
    followee_id: Id | None = None
    settled_to: Id | None = None
    """The rest of an earlier event: followers up to this id have been seen to."""

    def __post_init__(self) -> None:
        if self.type in ABOUT_A_POST and self.post_id is None:
            raise ValueError(f"{self.type} needs a post_id")
        if self.type in ABOUT_A_USER and self.followee_id is None:
            raise ValueError(f"{self.type} needs a followee_id")

    @property
    def entity_id(self) -> int:
        """What the event is about: events about one thing share a partition."""
        return self.post_id or self.actor_id


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
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


class _Typed(msgspec.Struct):
    type: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{0,63}\Z")]


_TYPED = msgspec.json.Decoder(_Typed)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(topic: Topic, value: bytes | None) -> Record:
    """Raises InvalidRecord, and UnknownType for an activity that may be right all the same."""
    try:
        return _DECODERS[topic].decode(value or b"")
    except _UNREADABLE as error:
        if topic is Topic.ACTIVITY and (type_ := _unknown_type(value or b"")):
            raise UnknownType(type_) from error
        raise InvalidRecord(str(error)) from error


def _unknown_type(value: bytes) -> str:
    """Empty if there is no type, or one that is known or does not look like one."""
    try:
        type_ = _TYPED.decode(value).type
    except _UNREADABLE:
        return ""
    return "" if type_ in list(ActivityType) else type_


def encode(record: Record | AuditRecord) -> bytes:
    return msgspec.json.encode(record)


def encode_for_each(record: FeedRecord, follower_ids: Iterable[int]) -> Iterator[bytes]:
    """The record as JSON, once per follower.

    The records of one post differ in one number, so all the rest is encoded only once.
    """
    head, tail = encode(record).split(b'"follower_id":%d' % record.follower_id, 1)
    head += b'"follower_id":'
    return (b"%b%d%b" % (head, follower_id, tail) for follower_id in follower_ids)
