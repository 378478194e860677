"""Every error leaves as RFC 9457 `application/problem+json`.

Shape: {"type", "title", "status", "detail", "instance"}; a 400 about the input has the type
`/problems/validation` and names each bad field in "errors": [{"field", "message"}]. Titles, details
and messages are in the language of Accept-Language; types and fields never change.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from rest_framework import views
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, ValidationError
from rest_framework.response import Response

from newsfeed.api.exceptions import DatabaseUnavailable, ServerBusy
from newsfeed.api.throttles import count_refusal
from newsfeed.mysql.transactions import is_outage

PROBLEM_JSON = "application/problem+json"
# Those of RFC 9110, whatever this Python calls them.
TITLES = {
    400: gettext_lazy("Bad Request"),
    401: gettext_lazy("Unauthorized"),
    403: gettext_lazy("Forbidden"),
    404: gettext_lazy("Not Found"),
    405: gettext_lazy("Method Not Allowed"),
    406: gettext_lazy("Not Acceptable"),
    409: gettext_lazy("Conflict"),
    413: gettext_lazy("Content Too Large"),
    415: gettext_lazy("Unsupported Media Type"),
    422: gettext_lazy("Unprocessable Content"),
    429: gettext_lazy("Too Many Requests"),
    500: gettext_lazy("Internal Server Error"),
    503: gettext_lazy("Service Unavailable"),
}
logger = logging.getLogger(__name__)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception raised in an API view; None leaves it to `server_error`."""
    if is_outage(exc):
        logger.error("database error", exc_info=exc)
        exc = DatabaseUnavailable()
    elif isinstance(exc, NotAuthenticated | AuthenticationFailed):
        exc = count_refusal(context["request"], exc) or exc
    response = views.exception_handler(exc, context)
    if response is None:
        return None
    request, status = context["request"], response.status_code
    if isinstance(exc, ValidationError):
        response.data = _validation_problem(request, list(_field_errors(exc.detail)))
    else:
        response.data = _problem(request, status, str(response.data["detail"]))
    response.content_type = PROBLEM_JSON
    for name, value in getattr(exc, "headers", {}).items():
        response.headers[name] = value
    return response


def _problem(request: HttpRequest, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": str(TITLES.get(status) or HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "instance": escape_uri_path(request.path),
    }


def _validation_problem(request: HttpRequest, errors: list[dict[str, str]]) -> dict[str, Any]:
    detail = " ".join(f"{error['field']}: {error['message']}" for error in errors)
    return _problem(request, HTTPStatus.BAD_REQUEST, detail) | {
        "type": "/problems/validation",
        "title": _("Invalid input"),
        "errors": errors,
    }


def _field_errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """Flatten what DRF nests: {"a": {"b": ["wrong"]}} is an error of the field "a.b"."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _field_errors(inner, f"{field}.{name}" if field else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _field_errors(inner, field)
    else:
        yield {"field": field, "message": str(detail)}


# What fails outside the API views: Django calls these by the names `newsfeed.urls` gives them.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.BAD_REQUEST, _("The request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, _("This is not allowed."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, _("There is nothing at this path."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Also what a middleware or the admin raises ends here, while it is being handled."""
    error = sys.exception()
    if is_outage(error):
        error = DatabaseUnavailable()
    if isinstance(error, (DatabaseUnavailable, ServerBusy)):
        return _unavailable(request, error)
    detail = _("The server failed; it was logged.")
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _unavailable(request: HttpRequest, problem: DatabaseUnavailable | ServerBusy) -> HttpResponse:
    answer = _answer(request, problem.status_code, str(problem.detail))
    answer.headers["Retry-After"] = str(problem.wait)
    return answer


def get_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Like Django's require_safe, with a problem for the other methods."""

    @csrf_exempt  # or a POST would be told of cookies before it is told of its method
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        detail = _("Only GET is allowed here.")
        refusal = _answer(request, HTTPStatus.METHOD_NOT_ALLOWED, detail)
        refusal.headers["Allow"] = "GET, HEAD"
        return refusal

    return answer


def _answer(request: HttpRequest, status: HTTPStatus, detail: str) -> HttpResponse:
    body = orjson.dumps(_problem(request, status, detail))
    return HttpResponse(body, status=status, content_type=PROBLEM_JSON)
