"""What moderators do, for the topic `audit.log`. The tags are those of `models.Verb`."""

from typing import ClassVar

from moderation.models import ModerationAction
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


class HidPost(ModeratorActed, frozen=True, tag="hide_post"):
    pass


class UnhidPost(ModeratorActed, frozen=True, tag="unhide_post"):
    pass


class DeletedPost(ModeratorActed, frozen=True, tag="delete_post"):
    pass


class DismissedReports(ModeratorActed, frozen=True, tag="dismiss_reports"):
    pass


class SuspendedUser(ModeratorActed, frozen=True, tag="suspend_user"):
    pass


class ReinstatedUser(ModeratorActed, frozen=True, tag="reinstate_user"):
    pass


BY_VERB: dict[str, type[ModeratorActed]] = {
    str(acted.__struct_config__.tag): acted for acted in ModeratorActed.__subclasses__()
}


def event_of(action: ModerationAction) -> ModeratorActed:
    return BY_VERB[action.action](
        occurred_at=action.created_at,
        actor_id=action.moderator_id,
        target_type=action.target_type,
        target_id=action.target_id,
        reason=action.reason,
        before=action.before,
        after=action.after,
    )
