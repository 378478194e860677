from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.tokens import read_refresh_or_raise
from accounts.usernames import normalise
from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.limits import Limit
from newsfeed.api.throttles import EndpointThrottle, hold


class LoginThrottle(EndpointThrottle):
    """Before the password is hashed, which takes a core.

    By username and address, for who guesses one password; by address, for who tries many names;
    by username, for who has many addresses.
    """

    def limits(self, request: Request) -> Iterator[tuple[str, Limit]]:
        # As the serializer reads it: each spelling would be a name of its own here.
        username = normalise(str(cast("dict[str, Any]", request.data).get("username", "")))
        # Hashed: it may be anything, of any length, and often enough it is a password.
        name, address = sha256(username.encode()).hexdigest()[:32], address_of(request)
        for endpoint, who in (
            ("login", f"{name}@{address}"),
            ("login-address", address),
            ("login-username", name),
        ):
            yield limits.key(who, endpoint), limits.limit_of(endpoint)


class PasswordThrottle(EndpointThrottle):
    """Where somebody who is logged in gives the password: besides the endpoint's own limit.

    Wrong ones are counted, for all of these endpoints together and by session: whoever has stolen
    a token cannot keep the owner from a new password, who logs in again for it.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        if not super().allow_request(request, view):
            return False
        session: Any = request.auth
        key = limits.key(session.family, "password")
        outcome = limits.admit(key, limits.limit_of("password"))
        hold(outcome, request)
        return self.note(outcome, request._request)


class RefreshThrottle(EndpointThrottle):
    """By session, or by address if the token names none: who floods the API from behind the same
    address uses up nobody else's limit."""

    def limits(self, request: Request) -> Iterator[tuple[str, Limit]]:
        who = _session_of(cast("dict[str, Any]", request.data).get("refresh")) or address_of(
            request
        )
        yield limits.key(who, "refresh"), limits.limit_of("refresh")


def _session_of(token: object) -> str:
    """The session of a refresh token that we have signed and that has not expired, or ""."""
    try:
        return read_refresh_or_raise(token).family if isinstance(token, str) else ""
    except AuthenticationFailed:
        return ""
