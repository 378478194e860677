from collections.abc import Iterator
from hashlib import sha256
from typing import Any, cast

from rest_framework.request import Request

from accounts.usernames import normalise
from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.limits import Limit
from newsfeed.api.throttles import EndpointThrottle


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
    """Where a password is asked for, though the endpoint is for more than that.

    Besides the endpoint's own limit: whoever guesses here and at auth/password/ has one for both.
    """

    def allow_request(self, request: Request, view: object) -> bool:
        if not super().allow_request(request, view):
            return False
        http: Any = request._request
        key = limits.key(request.user.pk or address_of(request), "password")
        http.rate_limit = self.refusal = limits.admit(key, limits.limit_of("password"))
        return self.refusal.admitted
