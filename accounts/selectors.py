from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound

from accounts.models import RefreshToken, User
from accounts.usernames import normalise
from newsfeed.api.exceptions import SessionEnded
from newsfeed.mysql.keyset import in_key_order

_SESSION_USER = """
    SELECT id, username, display_name FROM users
    WHERE id = %s AND is_active AND auth_epoch = %s
      AND NOT EXISTS (SELECT 1 FROM auth_revoked_tokens WHERE jti = %s)
"""
_LOCK_SESSION_USER = """
    SELECT id, auth_epoch FROM users WHERE id = %s AND is_active AND auth_epoch = %s
    LOCK IN SHARE MODE
"""
_LOCKED = "SELECT id FROM users WHERE id = %s AND is_active"
_LOCK_EXCLUSIVE = f"{_LOCKED} FOR UPDATE"
_LOCK_SHARED = f"{_LOCKED} LOCK IN SHARE MODE"


class UserSummary(NamedTuple):
    """What others see of a user beside a post, without the cost of a model instance."""

    pk: int
    username: str
    display_name: str


def get_user_or_raise(user_id: int) -> User:
    """A user as others may see them. Raises NotFound, also for one who is suspended."""
    return _get_or_raise(User.objects.filter(is_active=True), user_id)


def get_any_user_or_raise(user_id: int) -> User:
    """A user, also a suspended one. Raises NotFound."""
    return _get_or_raise(User.objects.all(), user_id)


def lock_user_or_raise(user_id: int) -> User:
    """A user, also a suspended one, locked to the end of the transaction. Raises NotFound."""
    return _get_or_raise(User.objects.select_for_update(), user_id)


def lock_active_user_or_raise(user_id: int, *, exclusive: bool = False) -> None:
    """Nobody can suspend or delete this user before the transaction ends.

    Raises SessionEnded if it has happened since the request was let in.
    """
    if not User.objects.raw(_LOCK_EXCLUSIVE if exclusive else _LOCK_SHARED, [user_id]):
        raise SessionEnded


def deleted_since(user_id: int) -> datetime | None:
    """When the user deleted the account. None if it is there, or never was."""
    return User.objects.filter(pk=user_id).values_list("deleted_at", flat=True).first()


def unerased_ids(*, deleted_before: datetime, size: int) -> Iterator[list[int]]:
    """The users whose erasure has not ended, in pages of `size`, lowest id first."""
    left = User.objects.filter(is_active=False, erased_at=None, deleted_at__lte=deleted_before)
    return in_key_order(left.values_list("pk", flat=True), size)


def _get_or_raise(users: QuerySet[User], user_id: int) -> User:
    user = users.filter(pk=user_id).first()
    if user is None:
        raise NotFound(_("There is no such user."))
    return user


def find_session_user(*, user_id: int, epoch: int, jti: str) -> User | None:
    """Whose access token this is, unless it was revoked or forced out, or the user suspended.

    With what a summary shows; other fields are read when they are asked for. Raw, because many
    requests run it: the ORM needs four times the CPU.
    """
    return next(iter(User.objects.raw(_SESSION_USER, [user_id, epoch, jti])), None)


def lock_session_user(*, user_id: int, epoch: int) -> User | None:
    """Nobody can end this user's sessions before the transaction does. None if it has happened."""
    return next(iter(User.objects.raw(_LOCK_SESSION_USER, [user_id, epoch])), None)


def just_used_at(token_hash: str, client_hash: str, *, since: datetime) -> datetime | None:
    """When this client has refreshed with this token, if it was after `since`."""
    used = RefreshToken.objects.filter(token_hash=token_hash, revoked_at=None)
    by_client = used.filter(used_by=client_hash, used_at__gt=since)
    return by_client.values_list("used_at", flat=True).first()


def living_jtis(user_id: int) -> list[str]:
    """Of access tokens that have not expired."""
    living = RefreshToken.objects.filter(user_id=user_id, access_expires_at__gt=timezone.now())
    return list(living.values_list("access_jti", flat=True))


def users_named(username: str) -> list[User]:
    """The one user of this normalised name, or none."""
    return list(User.objects.filter(username=username, is_active=True))


def ids_named(username: str) -> list[int]:
    """The id of the one user of this name, also a suspended one."""
    named = User.objects.filter(username=normalise(username))
    return list(named.values_list("pk", flat=True))


def users_by_ids(ids: Iterable[int]) -> dict[int, User]:
    """Users by id; whoever is gone or suspended is left out."""
    return User.objects.filter(is_active=True).in_bulk(ids)


def user_ids(*, size: int, after: int = 0) -> Iterator[list[int]]:
    """All users above the id `after`, in pages of `size`, lowest id first."""
    return in_key_order(User.objects.values_list("pk", flat=True), size, after=after)


def lock_users_or_raise(*, exclusive_id: int, shared_id: int) -> None:
    """Lock one user's row for writing and another's for reading, to the end of the transaction.

    Rows are locked in the order of their ids: two people who follow each other in the same
    instant wait for one another instead of deadlocking. Raises NotFound, also for a suspended one.
    """
    for user_id in sorted((exclusive_id, shared_id)):
        query = _LOCK_EXCLUSIVE if user_id == exclusive_id else _LOCK_SHARED
        if not User.objects.raw(query, [user_id]):
            raise NotFound(_("There is no such user."))
