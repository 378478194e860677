"""Answers to requests that gunicorn itself refuses, as RFC 9457 problems: its own are HTML."""

from http import HTTPStatus

import orjson
from gunicorn.http import errors

PHRASES = {413: "Content Too Large", 414: "URI Too Long"}
"""Those of RFC 9110 for which Python has other words."""
_STATUSES: dict[type[BaseException], int] = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.ExpectationFailed: 417,
    errors.UnsupportedTransferCoding: 501,
    # The application's fault, though they are subclasses of the client's.
    errors.InvalidResponseHeader: 500,
    errors.InvalidResponseHeaderName: 500,
    errors.ConfigurationProblem: 500,
}
_RETRY = "Retry-After: 1\r\n"


def status_of(error: BaseException) -> int:
    """400 for what the parser cannot read, 500 for what is not the client's fault."""
    default = 400 if isinstance(error, errors.ParseException) else 500
    return _STATUSES.get(type(error), default)


def problem(status: int) -> bytes:
    """A whole response, after which the connection is closed."""
    title = PHRASES.get(status) or HTTPStatus(status).phrase
    body = orjson.dumps({"type": "about:blank", "title": title, "status": status})
    head = (
        f"HTTP/1.1 {status} {title}\r\n"
        "Connection: close\r\n"
        f"{_RETRY if status == 503 else ''}"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
