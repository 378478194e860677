"""What this version knows: event types from each app's `events.py`, records of topics, expansions.

Reading checks every field that this version knows. It ignores the others and tells types that it
does not know from bad ones, because during a rollout producers may be newer than their readers: the
"tolerant reader" of Martin Fowler (martinfowler.com/bliki/TolerantReader.html).
"""

import re
from collections.abc import Callable, Collection, Container, Iterator
from functools import cache
from typing import Any, Protocol

import msgspec
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules

from newsfeed.events.event import Event
from newsfeed.kafka.producer import Message
from newsfeed.kafka.topics import Topic

ENVELOPE = Event.__struct_fields__
TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""Reads no values: those of fields that this version does not know may be any JSON."""

_events: dict[str, type[Event]] = {}
_records: dict[Topic, type[msgspec.Struct]] = {}
_expansions: dict[type[Event], "Expansion"] = {}


class InvalidRecord(Exception):
    """This version can never apply the record: not JSON, or a field missing or of a wrong type."""


class UnknownType(InvalidRecord):
    """An event of a type that this version does not know. It may be right all the same."""

    def __init__(self, type_: str) -> None:
        super().__init__(f"{type_} is no type that this version knows")
        self.type = type_


class UnwantedType(Exception):
    """An event of a type that the reader did not ask for. Its body was not read."""

    def __init__(self, type_: str) -> None:
        super().__init__(type_)
        self.type = type_


def discover() -> None:
    """Imports these modules of each app, and registers the event types.

    Raises ImproperlyConfigured if two types have one tag.
    """
    autodiscover_modules("events", "fanout", "consumers", "tasks")
    for event_type in _subclasses(Event):
        tag = str(event_type.__struct_config__.tag)
        if _events.setdefault(tag, event_type) is not event_type:
            raise ImproperlyConfigured(f"{event_type} and {_events[tag]} both have the tag {tag}")


def _subclasses(event_type: type[Event]) -> Iterator[type[Event]]:
    """With a tag of their own: msgspec gives the name of the class to those without."""
    for subclass in event_type.__subclasses__():
        if subclass.__struct_config__.tag != subclass.__name__:
            yield subclass
        yield from _subclasses(subclass)


def event_types() -> dict[str, type[Event]]:
    """By tag."""
    return dict(_events)


def register_record(topic: Topic, record_type: type[msgspec.Struct]) -> None:
    """The one type of record of a topic that carries no events."""
    _records[topic] = record_type


def topic_of(record_type: type[msgspec.Struct]) -> Topic:
    """The dated topic on which such records come."""
    found = (topic for topic, type_ in _records.items() if type_ is record_type)
    return next(found, Topic.ACTIVITY)


class Expansion(Protocol):
    def __call__(self, event: Any, *, after: int, limit: int) -> list[Message]:
        """Up to `limit` messages with the lowest keys above `after`, ascending.

        Fewer than `limit` say that there are no more.
        """


def expands(event_type: type[Event]) -> Callable[[Expansion], Expansion]:
    """The function makes the records that such an event becomes, besides its own."""

    def register(expansion: Expansion) -> Expansion:
        _expansions[event_type] = expansion
        return expansion

    return register


def is_expanded(event: Event) -> bool:
    return type(event) in _expansions


def expand(event: Event, *, after: int, limit: int) -> list[Message]:
    """As `Expansion`; none for an event that is its own one record."""
    expansion = _expansions.get(type(event))
    return expansion(event, after=after, limit=limit) if expansion else []


def decode(
    topic: Topic, value: bytes | None, wanted: Collection[type[msgspec.Struct]] = ()
) -> msgspec.Struct:
    """A record of one of the wanted types; without these, of any type.

    Raises InvalidRecord, UnwantedType, and UnknownType for what only a newer version knows.
    """
    try:
        record_type = _records.get(topic) or _event_type_of(value or b"", wanted)
        return _decoder(record_type).decode(value or b"")
    except _UNREADABLE as error:
        raise InvalidRecord(str(error)) from error


@cache
def _decoder(record_type: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(record_type)


def _event_type_of(value: bytes, wanted: Collection[type[msgspec.Struct]]) -> type[Event]:
    fields = _FIELDS.decode(value)
    event_type = _event_type(msgspec.json.decode(fields.get("type", b"null")))
    if wanted and event_type not in wanted:
        raise UnwantedType(str(event_type.__struct_config__.tag))
    _require_envelope(fields)
    return event_type


def _event_type(type_: object) -> type[Event]:
    """Raises InvalidRecord and UnknownType."""
    if not isinstance(type_, str):
        raise InvalidRecord("Object missing required field `type`")
    if type_ not in _events:
        raise UnknownType(type_) if TYPE.fullmatch(type_) else InvalidRecord("no name of a type")
    return _events[type_]


def _require_envelope(fields: Container[str]) -> None:
    """The class has defaults for those who make an event, not for those who read one."""
    if missing := [field for field in ENVELOPE if field not in fields]:
        raise InvalidRecord(f"Object missing required field `{missing[0]}`")


def to_event(payload: dict[str, Any]) -> Event:
    """The event that this JSON object is. Raises InvalidRecord and UnknownType."""
    event_type = _event_type(payload.get("type"))
    _require_envelope(payload)
    try:
        return msgspec.convert(payload, event_type)
    except msgspec.ValidationError as error:
        raise InvalidRecord(str(error)) from error


def encode(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record)
