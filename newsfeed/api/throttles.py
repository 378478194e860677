"""Limits as Django REST framework applies them: before the view, and before a body is hashed."""

from collections.abc import Iterator
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.limits import Limit, Outcome
from newsfeed.redis import Command


class EndpointThrottle(BaseThrottle):
    """One limit for each user and endpoint; whoever has no token goes by the address.

    What it decides becomes `request.rate_limit`, and so the RateLimit headers of the answer. An
    authentication that has asked already, along with something else, leaves its Outcome there.
    """

    refusal: Outcome

    def allow_request(self, request: Request, view: object) -> bool:
        http: Any = request._request
        asked: Outcome | None = getattr(http, "rate_limit", None)
        outcomes = (asked,) if asked else (limits.admit(*one) for one in self.limits(request))
        for outcome in outcomes:
            if not outcome.admitted:
                http.rate_limit = self.refusal = outcome
                return False
            asked = min(asked or outcome, outcome, key=lambda one: one.remaining)
        http.rate_limit = asked
        return True

    def wait(self) -> float:
        return self.refusal.seconds

    def limits(self, request: Request) -> Iterator[tuple[str, Limit]]:
        """Keys and limits, in the order in which they are asked; the first refusal is the last."""
        endpoint = endpoint_of(request)
        yield (
            limits.key(request.user.pk or address_of(request), endpoint),
            limits.limit_of(endpoint),
        )


class Count:
    """One request of a user, to be counted along with something else that Redis is asked."""

    def __init__(self, request: Request, user_id: int) -> None:
        endpoint = endpoint_of(request)
        self._http: Any = request._request
        self._key, self._limit = limits.key(user_id, endpoint), limits.limit_of(endpoint)

    @property
    def command(self) -> Command:
        return limits.command(self._key, self._limit)

    def note(self, reply: list[int]) -> None:
        """What Redis has replied, for EndpointThrottle. Without it, that one asks by itself."""
        self._http.rate_limit = limits.outcome(self._key, self._limit, reply)


def endpoint_of(request: Request) -> str:
    """The name of the URL."""
    match = request._request.resolver_match
    return (match and match.url_name) or "unnamed"
