"""A consumer is a function in an app's `consumers.py`, registered for some types of records.

    @consumer("search", PostCreated, PostUpdated, PostDeleted)
    def index(records: Sequence[PostEvent]) -> None: ...

It is called with batches, each record comes at least once, and it may come again: a consumer is
idempotent. Each one is a Kafka group, so none waits for another.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from newsfeed.events import registry
from newsfeed.kafka.topics import Topic

Handler = Callable[[list[Any]], object]


class UnknownGroup(Exception):
    """No app has a consumer of this name."""


class Group(NamedTuple):
    name: str
    handler: Handler
    types: tuple[type[msgspec.Struct], ...]
    """Records of other types on the same topics are skipped."""

    @property
    def id(self) -> str:
        """The name of the group in Kafka."""
        return f"{settings.KAFKA_CONSUMER_GROUP}-{self.name}"

    @property
    def topics(self) -> set[Topic]:
        return {registry.topic_of(type_) for type_ in self.types}


_groups: dict[str, Group] = {}


def consumer(name: str, *types: type[msgspec.Struct]) -> Callable[[Handler], Handler]:
    """Registers the function below. Raises ImproperlyConfigured if the name is taken."""

    def register(handler: Handler) -> Handler:
        if name in _groups:
            raise ImproperlyConfigured(f"there are two consumers with the name {name}")
        _groups[name] = Group(name, handler, types)
        return handler

    return register


def groups() -> list[Group]:
    return list(_groups.values())


def get_group_or_raise(name: str) -> Group:
    """Raises UnknownGroup."""
    try:
        return _groups[name]
    except KeyError:
        known = ", ".join(_groups)
        raise UnknownGroup(f"There is no consumer {name}. There are: {known}.") from None


def readers(topic: Topic) -> list[Group]:
    return [group for group in _groups.values() if topic in group.topics]
