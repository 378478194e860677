"""What moderators do, for the topic `audit.log`: an event type for each registered verb."""

from functools import cache
from typing import ClassVar, cast

import msgspec

from moderation.models import ModerationAction
from moderation.targets import verbs
from newsfeed.events.event import Event, Id
from newsfeed.kafka.topics import audit_log

State = dict[str, str | int | bool | None]


class ModeratorActed(Event, frozen=True, kw_only=True):
    """The actor is the moderator."""

    about: ClassVar[str] = "target_id"
    target_type: str
    target_id: Id
    reason: str
    before: State
    """What the action can change, as it was."""
    after: State

    @staticmethod
    def topic() -> str:
        return audit_log()


@cache
def event_type(verb: str) -> type[ModeratorActed]:
    """The class of the events that tell of this verb: its tag is the verb's name."""
    name = verb.title().replace("_", "")
    made = msgspec.defstruct(name, [], bases=(ModeratorActed,), frozen=True, tag=verb)
    return cast(type[ModeratorActed], made)


def declare_types() -> None:
    for verb in verbs():
        event_type(verb)


def event_of(action: ModerationAction) -> ModeratorActed:
    return event_type(action.action)(
        occurred_at=action.created_at,
        actor_id=action.moderator_id,
        target_type=action.target_type,
        target_id=action.target_id,
        reason=action.reason,
        before=action.before,
        after=action.after,
    )
