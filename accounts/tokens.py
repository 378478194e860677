"""JSON Web Tokens. No other module imports simplejwt, so that replacing it touches one file."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import jwt
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError

from accounts.keys import Key, signing_key, verifying_key
from accounts.models import RefreshToken, User


class Claims(NamedTuple):
    """What a token says whose signature and age are good; it may be revoked."""

    user_id: int
    jti: str
    family: str
    epoch: int
    expires_at: datetime
    """When it will not be accepted any more: with the leeway for clocks."""
    has_old_key: bool


class _Backend(TokenBackend):
    """One key; names it in the header."""

    def __init__(self, key: Key) -> None:
        super().__init__("HS256", key.secret, leeway=settings.SIMPLE_JWT["LEEWAY"])  # type: ignore[arg-type]  # its annotation is wrong
        self.kid = key.kid

    def encode(self, payload: dict[str, Any]) -> str:
        return jwt.encode(payload, self.prepared_signing_key, "HS256", headers={"kid": self.kid})


_backend = lru_cache(maxsize=16)(_Backend)


class _Keyed(tokens.Token):
    """Signed with the primary key, verified with the one that its header names."""

    def __init__(self, token: bytes | str | None = None) -> None:
        self.key = signing_key() if token is None else _key_of(token)
        self._token_backend = _backend(self.key)
        super().__init__(token)  # type: ignore[arg-type]

    @property
    def accepted_until(self) -> datetime:
        return datetime.fromtimestamp(self["exp"] + settings.SIMPLE_JWT["LEEWAY"], UTC)


class _Access(_Keyed, tokens.AccessToken):
    pass


class _Refresh(_Keyed, tokens.RefreshToken):  # type: ignore[misc]  # simplejwt's own
    pass


def issue_tokens(user: User, family: str = "") -> dict[str, str]:
    """{"access", "refresh"}: a token for requests, and one to get the next two.

    A log-in begins a new family.
    """
    family = family or uuid4().hex
    access, refresh = _Access(), _Refresh()
    for token in (access, refresh):
        token.payload |= {"user_id": str(user.pk), "fam": family, "epoch": user.auth_epoch}
    signed = str(refresh)
    RefreshToken.objects.create(
        token_hash=hash_token(signed),
        family=family,
        user=user,
        access_jti=access["jti"],
        access_expires_at=access.accepted_until,
        created_at=timezone.now(),
        expires_at=refresh.accepted_until,
    )
    return {"access": str(access), "refresh": signed}


def read_access_or_raise(access: bytes) -> Claims:
    """Raises AuthenticationFailed."""
    try:
        return _claims(_Access(access))
    except TokenError as error:
        raise AuthenticationFailed(_("The access token is invalid or expired.")) from error


def read_refresh_or_raise(refresh: str) -> Claims:
    """Raises AuthenticationFailed."""
    try:
        return _claims(_Refresh(refresh))
    except TokenError as error:
        raise AuthenticationFailed(_("The refresh token is invalid or expired.")) from error


def hash_token(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _claims(token: _Keyed) -> Claims:
    return Claims(
        user_id=int(token["user_id"]),
        jti=token["jti"],
        family=token["fam"],
        epoch=token["epoch"],
        expires_at=token.accepted_until,
        has_old_key=not token.key.is_primary,
    )


def _key_of(token: bytes | str) -> Key:
    """Raises TokenError."""
    try:
        key = verifying_key(jwt.get_unverified_header(token).get("kid"))
    except jwt.InvalidTokenError as error:
        raise TokenError("Token is invalid") from error
    if key is None:
        raise TokenError("Token has an unknown or retired key")
    return key
