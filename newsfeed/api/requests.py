"""Around every request: its id, its log line, and headers that all answers carry."""

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from newsfeed import logs
from newsfeed.api.addresses import client_address
from newsfeed.api.state import state_of

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What a page of ours could use of a browser: nothing.
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
logger = logging.getLogger(__name__)


def request_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """The outermost one: what the others refuse has an id and a line too."""

    def answer(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        id_ = _request_id(request)
        token = logs.request_id.set(id_)
        address_token = logs.address.set(client_address(request))
        try:
            response = get_response(request)
            response.headers[HEADER] = id_
            response.headers.setdefault("Permissions-Policy", PERMISSIONS)
            for name, value in state_of(request).headers().items():
                response.headers[name] = value
            _log(request, response.status_code, time.perf_counter() - began)
        finally:
            logs.request_id.reset(token)
            logs.address.reset(address_token)
        return response

    return answer


def _request_id(request: HttpRequest) -> str:
    """The client's, if nobody can do harm with it in a log or a header."""
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.fullmatch(given) else uuid4().hex


def _log(request: HttpRequest, status: int, seconds: float) -> None:
    """The route and not the path: a query may hold what nobody should read in a log."""
    match = request.resolver_match
    fields = {
        "user": _user_id(request),
        "method": request.method,
        "route": match.route if match else None,
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    logger.info("request", extra=fields)


def _user_id(request: HttpRequest) -> int | None:
    """Of whoever is known already: to look for a session would cost a query."""
    user = request.__dict__.get("user")
    if type(user) is SimpleLazyObject:
        user = request.__dict__.get("_cached_user")
    return user.pk if user else None
