from collections.abc import Iterable

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as InvalidPassword
from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed, ValidationError

from accounts import audit
from accounts.events import UserDeleted
from accounts.models import KnownAddress, RefreshToken, User
from accounts.passwords import hash_password, normalise
from accounts.revocation import revoke
from accounts.selectors import lock_active_user_or_raise, lock_user_or_raise
from accounts.tokens import issue_tokens
from accounts.totp import forget_devices, verify_otp
from accounts.usernames import is_reserved
from newsfeed.api.exceptions import Conflict
from newsfeed.events import outbox
from newsfeed.events.recording import record
from newsfeed.mysql.keyset import delete_some
from newsfeed.mysql.transactions import transactional


class WrongPassword(ValidationError):
    """Of somebody who is logged in."""


def sign_up(*, username: str, password: str, display_name: str = "") -> User:
    """Raises ValidationError for a reserved name and a weak password, Conflict for a taken name."""
    if is_reserved(username):
        raise ValidationError({"username": [_("This name is reserved.")]})
    _refuse_weak(password, User(username=username, display_name=display_name), field="password")
    return create_user(
        username=username, password_hash=hash_password(password), display_name=display_name
    )


def _refuse_weak(password: str, user: User, *, field: str) -> None:
    try:
        validate_password(normalise(password), user)
    except InvalidPassword as error:
        raise ValidationError({field: error.messages}) from error


@transactional
def create_user(*, username: str, password_hash: str, display_name: str = "") -> User:
    """Takes a hash, so that many users of one password pay for it once. Raises Conflict."""
    try:
        return User.objects.create(
            username=username, password=password_hash, display_name=display_name
        )
    except IntegrityError as error:
        raise Conflict(_("This username is taken.")) from error


def log_in(*, username: str, password: str, otp: str = "") -> User:
    """Raises AuthenticationFailed, the same for an unknown name, a wrong password, a wrong
    one-time password, one for an account without a device, and an inactive account."""
    user = ModelBackend().authenticate(None, username=username, password=password)
    if not isinstance(user, User) or (otp and not verify_otp(user, otp)):
        audit.tell_of_name("authn_login_fail", username, via="api")
        raise AuthenticationFailed(_("The username or the password is wrong."))
    audit.tell("authn_login_success", user.pk, via="api")
    return user


@transactional
def suspend_user(user_id: int) -> User:
    """Nobody sees the user's posts, and all sessions end for good, as of whoever is inactive.

    Raises NotFound, and Conflict for somebody who cannot log in anyway.
    """
    user = lock_user_or_raise(user_id)
    if user.deleted_at:
        raise Conflict(_("The user has deleted the account."))
    if not user.is_active:
        raise Conflict(_("The user is suspended already."))
    user.is_active, user.suspended_at = False, timezone.now()
    user.save(update_fields=["is_active", "suspended_at"])
    return user


@transactional
def reinstate_user(user_id: int) -> User:
    """Take a suspension back. Raises NotFound, and Conflict for somebody who is not suspended."""
    user = lock_user_or_raise(user_id)
    if not user.suspended_at:
        raise Conflict(_("The user is not suspended."))
    user.is_active, user.suspended_at = True, None
    user.save(update_fields=["is_active", "suspended_at"])
    return user


@transactional
def update_profile(*, user: User, display_name: str) -> User:
    lock_active_user_or_raise(user.pk, exclusive=True)
    user.display_name = display_name
    user.save(update_fields=["display_name"])
    return user


def change_password(
    *, user: User, current_password: str, new_password: str, has_otp: bool = False
) -> dict[str, str]:
    """Ends all sessions of the user, and returns the tokens of a new one: {"access", "refresh"}.

    `has_otp`: the session that asks was begun with a second factor; so is the new one then. Raises
    WrongPassword, ValidationError for a weak new one, and Conflict when another change was first.
    """
    user.refresh_from_db(fields=["password", "auth_epoch"])
    if not user.check_password(current_password):
        audit.tell("authn_password_change_fail", user.pk)
        raise WrongPassword({"current_password": [_("This is not your password.")]})
    _refuse_weak(new_password, user, field="new_password")
    tokens = _replace_password(user, hash_password(new_password), has_otp=has_otp)
    audit.tell("authn_password_change", user.pk)
    return tokens


@transactional
def _replace_password(user: User, new_hash: str, *, has_otp: bool) -> dict[str, str]:
    # A new password raises the epoch. An upgrade of the old one's hash, by a log-in, does not.
    unchanged = User.objects.filter(pk=user.pk, auth_epoch=user.auth_epoch, is_active=True)
    if not unchanged.update(password=new_hash):
        raise Conflict(_("The password was changed by another request."))
    end_all_sessions(user.pk)
    user.refresh_from_db(fields=["auth_epoch"])
    return issue_tokens(user, has_otp=has_otp)


def delete_user(*, user: User, password: str) -> None:
    """Nobody sees the user from now on, all sessions end, and what names a person is erased.

    The row stays, so that nobody else can have the name. What the user has written and whom they
    follow goes later, step by step: this is one short transaction. Raises
    WrongPassword, and Conflict when another change was first.
    """
    user.refresh_from_db(fields=["password", "auth_epoch"])
    if not user.check_password(password):
        audit.tell("user_delete_fail", user.pk)
        raise WrongPassword({"password": [_("This is not your password.")]})
    _erase_user(user.pk, epoch=user.auth_epoch)
    audit.tell("user_deleted", user.pk)


@transactional
def _erase_user(user_id: int, *, epoch: int) -> None:
    user = lock_user_or_raise(user_id)
    if not user.is_active or user.auth_epoch != epoch:
        raise Conflict(_("The account was changed by another request."))
    user.is_active, user.deleted_at = False, timezone.now()
    user.display_name, user.email, user.last_login = "", "", None
    user.set_password(None)
    user.is_staff = user.is_superuser = False
    user.groups.clear()
    user.user_permissions.clear()
    forget_devices(user)
    KnownAddress.objects.filter(user=user).delete()
    user.save(update_fields=_ERASED)
    record(UserDeleted(actor_id=user_id))


_ERASED = ["is_active", "deleted_at", "display_name", "email", "last_login", "password"]
_ERASED += ["is_staff", "is_superuser"]


def take_up_again(user_ids: Iterable[int]) -> None:
    """Goes on with erasures, by an event as a deletion starts them."""
    outbox.leave_to_relay(UserDeleted(actor_id=user_id) for user_id in user_ids)


@transactional
def mark_erased(user_id: int) -> None:
    """Of somebody who is deleted: nothing is left to erase."""
    User.objects.filter(pk=user_id, erased_at=None).update(erased_at=timezone.now())


@transactional
def delete_refresh_tokens(user_id: int, *, limit: int) -> int:
    """Of somebody whose sessions have ended. Returns how many."""
    return delete_some(RefreshToken.objects.filter(user=user_id), limit)


@transactional
def end_all_sessions(*user_ids: int) -> None:
    """Every token of these users is refused once this has committed, whatever becomes of Redis.

    Many at once are better ended together: without Redis, each call takes a second.
    """
    User.objects.filter(pk__in=user_ids).update(auth_epoch=F("auth_epoch") + 1)
    revoke(RefreshToken.objects.filter(user_id__in=user_ids))
