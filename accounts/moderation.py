from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from accounts.models import User
from accounts.selectors import lock_user_or_raise
from accounts.services import reinstate_user, suspend_user
from moderation.targets import Target, Verb, register


def _describe(user: User) -> str:
    return f"@{user.username} ({user.get_full_name()})"


def _refuse(moderator: User, user: User) -> None:
    if user == moderator:
        raise PermissionDenied(_("Nobody moderates themselves."))
    if user.is_staff and not moderator.is_superuser:
        raise PermissionDenied(_("Only a superuser moderates staff."))


USER = Target(
    name="user",
    model=User,
    permission="moderation.moderate_users",
    lock=lock_user_or_raise,
    fields=("is_active", "suspended_at"),
    describe=_describe,
    refuse=_refuse,
)
register(
    Verb(USER, "suspend_user", "Suspend user", suspend_user),
    Verb(USER, "reinstate_user", "Reinstate user", reinstate_user),
)
