from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from newsfeed.api.limits import Outcome


@dataclass(slots=True)
class RequestState:
    """What layers of one request learn for each other and for the headers of its answer."""

    counted: Outcome | None = None
    """What the authentication counted together with its own look-up in Redis."""
    limit: Outcome | None = None
    """For the RateLimit headers: a refusal, or else the limit with the least left."""
    held: list[Outcome] = field(default_factory=list)
    """Places that are given back unless the request turns out to be a failure."""
    has_old_token: bool = False

    def show(self, outcome: Outcome) -> None:
        if self.limit and outcome.admitted:
            outcome = min(self.limit, outcome, key=lambda one: one.remaining)
        self.limit = outcome

    def headers(self) -> dict[str, str]:
        headers = self.limit.headers() if self.limit else {}
        if self.has_old_token:  # its key will be refused some day
            headers["X-Token-Refresh-Needed"] = "true"
        return headers


def state_of(request: HttpRequest | Request) -> RequestState:
    """The one state of a request, however deep it is wrapped."""
    http: Any = request._request if isinstance(request, Request) else request
    if not hasattr(http, "newsfeed"):
        http.newsfeed = RequestState()
    state: RequestState = http.newsfeed
    return state
