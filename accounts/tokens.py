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
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError

from accounts.keys import Key, derive, signing_key, verifying_key
from accounts.models import RefreshToken, User
from newsfeed.api.exceptions import TokenExpired


class Claims(NamedTuple):
    """What a token says whose signature and age are good; it may be revoked."""

    user_id: int
    jti: str
    family: str
    epoch: int
    has_otp: bool
    """Its session was begun with a second factor, too."""
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

    def __init__(self, token: bytes | str | None = None, key: Key | None = None) -> None:
        self.key = key or (signing_key() if token is None else _key_of(token))
        self._token_backend = _backend(self.key)
        super().__init__(token)  # type: ignore[arg-type]

    @property
    def accepted_until(self) -> datetime:
        return datetime.fromtimestamp(self["exp"] + settings.SIMPLE_JWT["LEEWAY"], UTC)


class _Access(_Keyed, tokens.AccessToken):
    pass


class _Refresh(_Keyed, tokens.RefreshToken):  # type: ignore[misc]  # simplejwt's own
    pass


class Origin(NamedTuple):
    """What a pair of tokens is derived from: the same origin gives the same bytes."""

    name: str
    """The hash of the refresh token before; random for a log-in."""
    at: datetime


class Pair(NamedTuple):
    """A token for requests, and one to get the next two."""

    access: _Access
    refresh: _Refresh

    def signed(self) -> dict[str, str]:
        return {"access": str(self.access), "refresh": str(self.refresh)}


def issue_tokens(user: User, *, has_otp: bool = False) -> dict[str, str]:
    """{"access", "refresh"} of a new family. `has_otp`: it was begun with a second factor."""
    origin = Origin(uuid4().hex, timezone.now())
    return store_pair(user, make_pair(user, uuid4().hex, origin, has_otp=has_otp))


def make_pair(
    user: User, family: str, origin: Origin, *, has_otp: bool, key: Key | None = None
) -> Pair:
    """Without a key, signed with the primary one."""
    claims = {"user_id": str(user.pk), "fam": family, "epoch": user.auth_epoch}
    if has_otp:
        claims["amr"] = ["pwd", "otp"]  # RFC 8176
    pair = Pair(_Access(key=key), _Refresh(key=key))
    for token in pair:
        token.set_exp(from_time=origin.at)
        token.set_iat(at_time=origin.at)
        jti = derive(f"{token.token_type} {origin.name}".encode()).hex()[:32]
        token.payload |= {"jti": jti, **claims}
    return pair


def store_pair(user: User, pair: Pair) -> dict[str, str]:
    """Writes the pair's row, and returns {"access", "refresh"}."""
    signed = pair.signed()
    RefreshToken.objects.create(
        token_hash=hash_token(signed["refresh"]),
        family=pair.refresh["fam"],
        user=user,
        access_jti=pair.access["jti"],
        access_expires_at=pair.access.accepted_until,
        created_at=timezone.now(),
        expires_at=pair.refresh.accepted_until,
    )
    return signed


def read_access_or_raise(access: bytes) -> Claims:
    """Raises AuthenticationFailed, and of its kinds TokenExpired."""
    try:
        return _claims(_Access(access))
    except ExpiredTokenError as error:  # of the checks, the signature's comes first
        family = jwt.decode(access, options={"verify_signature": False})["fam"]
        raise TokenExpired(_("The access token is invalid or expired."), family) from error
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
        has_otp="otp" in token.get("amr", []),
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
