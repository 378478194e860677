"""Limits as Django REST framework applies them: before the view, and before a body is hashed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.exceptions import TokenExpired
from newsfeed.api.limits import Limit, Outcome
from newsfeed.redis.client import Command

BY_SESSION = {"password-change", "logout", "logout-all"}
"""With these an owner gets rid of a thief, whose session must not use up the owner's limit."""


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
        return all(self.note(outcome, http) for outcome in outcomes)

    def note(self, outcome: Outcome, http: HttpRequest) -> bool:
        """Whether it is admitted. The headers tell of a refusal, or else of the lowest rest."""
        _tell(outcome, http)
        if not outcome.admitted:
            self.refusal = outcome
        return outcome.admitted

    def wait(self) -> float:
        return self.refusal.seconds

    def limits(self, request: Request) -> Iterator[tuple[str, Limit]]:
        """Keys and limits, in the order in which they are asked; the first refusal is the last."""
        endpoint = endpoint_of(request)
        session = getattr(request.auth, "family", "")
        who = _who(endpoint, request.user.pk, session) or address_of(request)
        yield limits.key(who, endpoint), limits.limit_of(endpoint)


class Count:
    """One request of a user, to be counted along with something else that Redis is asked."""

    def __init__(self, request: Request, user_id: int, session: str) -> None:
        endpoint = endpoint_of(request)
        who = _who(endpoint, user_id, session)
        self._http: Any = request._request
        self._key, self._limit = limits.key(who, endpoint), limits.limit_of(endpoint)

    @property
    def command(self) -> Command:
        return limits.command(self._key, self._limit)

    def note(self, reply: list[int]) -> None:
        """What Redis has replied, for EndpointThrottle. Without it, that one asks by itself."""
        self._http.rate_limit = limits.outcome(self._key, self._limit, reply)


def hold(outcomes: list[Outcome], request: Request) -> None:
    """Keeps these counted until the request is known to be harmless: `counted_only_if`."""
    http: Any = request._request
    http.held = outcomes


@contextmanager
def counted_only_if(failure: type[Exception], request: Request) -> Iterator[None]:
    """Gives back what is held for this request, unless the block raises such an exception.

    The place is taken before the password is checked: of a hundred guesses at once, only as many
    are checked as the limit admits.
    """
    is_failure = False
    try:
        yield
    except failure:
        is_failure = True
        raise
    finally:
        if not is_failure:
            _release(request._request)


def _release(http: Any) -> None:
    held: list[Outcome] = getattr(http, "held", [])
    limits.give_back(held)
    if http.rate_limit in held:
        http.rate_limit = http.rate_limit._replace(remaining=http.rate_limit.remaining + 1)
    http.held = []


def count_refusal(request: Request, error: Exception) -> Throttled | None:
    """Counts an answer 401 for the address. What to answer instead, if there were too many.

    A token that has just expired counts for its session: a hundred phones behind one address must
    each be told to refresh. A wrong password is counted already, by a limit of its own.
    """
    http: Any = request._request
    if getattr(http, "held", None):
        return None
    who = error.session if isinstance(error, TokenExpired) else address_of(request)
    key = limits.key(who, "unauthorized")
    outcome = limits.admit(key, limits.limit_of("unauthorized"))
    _tell(outcome, http)
    return None if outcome.admitted else Throttled(wait=outcome.seconds)


def endpoint_of(request: Request) -> str:
    """The name of the URL."""
    match = request._request.resolver_match
    return (match and match.url_name) or "unnamed"


def _who(endpoint: str, user_id: int | None, session: str) -> int | str | None:
    return session if endpoint in BY_SESSION else user_id


def _tell(outcome: Outcome, http: Any) -> None:
    """In the RateLimit headers: a refusal, or else the limit that has the least left."""
    asked: Outcome = getattr(http, "rate_limit", None) or outcome
    least = min(asked, outcome, key=lambda one: one.remaining)
    http.rate_limit = least if outcome.admitted else outcome
