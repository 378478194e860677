"""What moderators may do, and to which objects. Each app says it of its own in `moderation.py`:

    COMMENT = Target(name="comment", model=Comment, permission="comments.moderate_comments", ...)
    register(Verb(COMMENT, "hide_comment", "Hide comment", hide_comment))

The file is found when the site starts. It gives the admin a list and a page of the objects, unless
the app registers a list of its own, and the audit log an event type for each verb.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet


class Target(NamedTuple):
    """A type of object that moderators act on."""

    name: str
    """At most 10 characters; `target_type` of events and of stored actions."""
    model: type[Model]
    permission: str
    """Whoever has it may do everything that is registered for the target: "app.codename"."""
    lock: Callable[[int], Any]
    """Returns the object, locked to the end of the transaction. Raises NotFound."""
    fields: tuple[str, ...]
    """What the verbs can change: kept with each action, as it was and as it is since."""
    describe: Callable[[Any], str]
    """One line, for moderators."""
    author: str = ""
    """The foreign key to the user who can be suspended for it, if there is one."""
    refuse: Callable[[Any, Any], None] | None = None
    """(moderator, object): raises PermissionDenied if this moderator may not act on the object."""

    def objects(self) -> QuerySet[Any]:
        """With their authors, whom `describe` names.

        Not by select_related: with ORDER BY, MariaDB begins at the users and sorts the join.
        """
        objects = self.model._default_manager.all()
        return objects.prefetch_related(self.author) if self.author else objects


class Verb(NamedTuple):
    """What a moderator can do to a target."""

    target: Target
    name: str
    """At most 20 characters; `type` of events and `action` of stored actions."""
    label: str
    change: Callable[[int], Any]
    """Returns the changed object. Raises NotFound, and Conflict if it is so already."""


_verbs: dict[str, Verb] = {}


def register(*verbs: Verb) -> None:
    """Raises ImproperlyConfigured for a name that is taken."""
    for verb in verbs:
        if _verbs.setdefault(verb.name, verb) is not verb:
            raise ImproperlyConfigured(f"{verb.name} is a verb of {_verbs[verb.name].target.name}")


def verbs() -> Mapping[str, Verb]:
    """By name."""
    return MappingProxyType(_verbs)


def verbs_of(target: Target) -> list[str]:
    return [verb.name for verb in _verbs.values() if verb.target is target]


def targets() -> dict[str, Target]:
    """By name."""
    return {verb.target.name: verb.target for verb in _verbs.values()}


def choices() -> list[tuple[str, str]]:
    return [(verb.name, verb.label) for verb in _verbs.values()]
