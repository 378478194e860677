"""Limits as Django REST framework applies them: before the view, and before a body is hashed."""

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.exceptions import TokenExpired
from newsfeed.api.limits import Limit, Outcome
from newsfeed.api.state import RequestState, state_of
from newsfeed.redis.client import Command

BY_SESSION = {"password-change", "logout", "logout-all"}
"""With these an owner gets rid of a thief, whose session must not use up the owner's limit."""


class EndpointThrottle(BaseThrottle):
    """One limit for each user and endpoint; whoever has no token goes by the address.

    An authentication that has counted the request already leaves its Outcome in the state.
    """

    refusal: Outcome

    def allow_request(self, request: Request, view: object) -> bool:
        if counted := state_of(request).counted:
            return self.note(counted, request)
        outcomes = (limits.admit(*one) for one in self.limits(request))
        return all(self.note(outcome, request) for outcome in outcomes)

    def note(self, outcome: Outcome, request: Request) -> bool:
        """Whether it is admitted, which the RateLimit headers tell too."""
        state_of(request).show(outcome)
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


class PipelinedCount:
    """Counts a user's request in a round trip to Redis that is made anyway."""

    def __init__(self, request: Request, user_id: int, session: str) -> None:
        endpoint = endpoint_of(request)
        who = _who(endpoint, user_id, session)
        self._state = state_of(request)
        self._key, self._limit = limits.key(who, endpoint), limits.limit_of(endpoint)

    @property
    def command(self) -> Command:
        return limits.command(self._key, self._limit)

    def record_reply(self, reply: list[int]) -> None:
        """Keeps the reply for EndpointThrottle, which asks Redis itself if there is none."""
        self._state.counted = limits.outcome(self._key, self._limit, reply)
        self._state.show(self._state.counted)


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
            _release(state_of(request))


def _release(state: RequestState) -> None:
    limits.give_back(state.held)
    if state.limit in state.held:
        state.limit = state.limit._replace(remaining=state.limit.remaining + 1)
    state.held = []


def count_refusal(request: Request, error: Exception) -> Throttled | None:
    """Counts an answer 401 for the address. What to answer instead, if there were too many.

    A token that has just expired counts for its session: a hundred phones behind one address must
    each be told to refresh. A wrong password is counted already, by a limit of its own.
    """
    if state_of(request).held:
        return None
    who = error.session if isinstance(error, TokenExpired) else address_of(request)
    key = limits.key(who, "unauthorized")
    outcome = limits.admit(key, limits.limit_of("unauthorized"))
    state_of(request).show(outcome)
    return None if outcome.admitted else Throttled(wait=outcome.seconds)


def endpoint_of(request: Request) -> str:
    """The name of the URL."""
    match = request._request.resolver_match
    return (match and match.url_name) or "unnamed"


def _who(endpoint: str, user_id: int | None, session: str) -> int | str | None:
    return session if endpoint in BY_SESSION else user_id
