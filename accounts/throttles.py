from collections.abc import Iterator
from typing import Any, cast

from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import audit
from accounts.login_limits import reserve, reserve_for_address
from accounts.serializers import CredentialsSerializer
from accounts.tokens import read_refresh_or_raise
from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.limits import Limit
from newsfeed.api.state import state_of
from newsfeed.api.throttles import EndpointThrottle


class LoginThrottle(EndpointThrottle):
    """Before the password is hashed, which takes a core.

    A form that is no log-in (an empty password) counts for the address and not for the name.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        form, address = CredentialsSerializer(data=request.data), address_of(request)
        if form.is_valid():
            given = form.validated_data
            places = reserve(given["username"], address, given.get("device", ""))
            if not places[-1].admitted:
                limit = limits.endpoint_in(places[-1].key)
                audit.tell_of_refused_name(
                    "authn_login_fail_max", given["username"], via="api", limit=limit
                )
        else:
            places = reserve_for_address(address)
        state_of(request).held = places
        decisive = (
            [place for place in places if place.admitted] if places[-1].admitted else places[-1:]
        )
        return all(self.note(place, request) for place in decisive)


class PasswordThrottle(EndpointThrottle):
    """For endpoints that ask a user who is logged in for the password, besides their own limits.

    Counts wrong passwords at all of them together, by session. A thief of a token thus cannot keep
    the owner from a new password: the owner logs in again, which is another session.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        if not super().allow_request(request, view):
            return False
        session: Any = request.auth
        key = limits.key(session.family, "password")
        outcome = limits.admit(key, limits.limit_of("password"))
        state_of(request).held = [outcome]
        return self.note(outcome, request)


class RefreshThrottle(EndpointThrottle):
    """By session, or by address if the token names none: a neighbour's flood from the same address
    does not use up the limit."""

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
