"""What this version knows: event types from each app's `events.py`, records of topics, expansions.

Reading checks every field that this version knows. It ignores the others and tells types that it
does not know from bad ones, because during a rollout producers may be newer than their readers: the
"tolerant reader" of Martin Fowler (martinfowler.com/bliki/TolerantReader.html).
"""

import re
from collections.abc import Callable, Container, Iterator
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
_records: dict[Topic, msgspec.json.Decoder[Any]] = {}
_expansions: dict[type[Event], "Expansion"] = {}


class InvalidRecord(Exception):
    """This version can never apply the record: not JSON, or a field missing or of a wrong type."""


class UnknownType(InvalidRecord):
    """An event of a type that this version does not know. It may be right all the same."""

    def __init__(self, type_: str) -> None:
        super().__init__(f"{type_} is no type that this version knows")
        self.type = type_


def discover() -> None:
    """Imports `events` and `fanout` of each installed app, and registers the event types.

    Raises ImproperlyConfigured if two types have one tag.
    """
    autodiscover_modules("events", "fanout")
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
    _records[topic] = msgspec.json.Decoder(record_type)


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


def decode(topic: Topic, value: bytes | None) -> msgspec.Struct:
    """Raises InvalidRecord, and UnknownType for an event that only a newer version knows."""
    try:
        decoder = _records.get(topic) or _event_decoder(value or b"")
        record: msgspec.Struct = decoder.decode(value or b"")
    except _UNREADABLE as error:
        raise InvalidRecord(str(error)) from error
    return record


def _event_decoder(value: bytes) -> msgspec.json.Decoder[Event]:
    fields = _FIELDS.decode(value)
    return msgspec.json.Decoder(
        _event_type(msgspec.json.decode(fields.get("type", b"null")), fields)
    )


def _event_type(type_: object, fields: Container[str]) -> type[Event]:
    """The type of an event with these fields. Raises InvalidRecord and UnknownType."""
    if not isinstance(type_, str):
        raise InvalidRecord("Object missing required field `type`")
    if type_ not in _events:
        raise UnknownType(type_) if TYPE.fullmatch(type_) else InvalidRecord("no name of a type")
    # The class has defaults for those who make an event, not for those who read one.
    if missing := [field for field in ENVELOPE if field not in fields]:
        raise InvalidRecord(f"Object missing required field `{missing[0]}`")
    return _events[type_]


def to_event(payload: dict[str, Any]) -> Event:
    """The event that this JSON object is. Raises InvalidRecord and UnknownType."""
    event_type = _event_type(payload.get("type"), payload)
    try:
        return msgspec.convert(payload, event_type)
    except msgspec.ValidationError as error:
        raise InvalidRecord(str(error)) from error


def encode(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record)
