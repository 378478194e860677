"""What services and views raise, besides the exceptions of Django REST framework."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, AuthenticationFailed


class Conflict(APIException):
    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


class RequestStillRunning(Conflict):
    """An earlier request with this Idempotency-Key has not ended."""

    default_detail = _("A request with this Idempotency-Key is still running. Try again.")
    default_code = "request_still_running"
    wait = 1  # seconds; becomes Retry-After


class ExportStillRunning(Conflict):
    """Of the same user: each export holds a thread for as long as the client takes to read it."""

    default_detail = _("Your last export is still being sent. Read it, or try again later.")
    default_code = "export_still_running"
    wait = 10  # seconds; becomes Retry-After


class TooManyExports(APIException):
    """Of other users, in this process."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = _("Too many exports are being sent. Try again later.")
    default_code = "too_many_exports"
    wait = 10  # seconds; becomes Retry-After


class IdempotencyKeyReused(APIException):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = _("This Idempotency-Key came with another request before. Take a new one.")
    default_code = "idempotency_key_reused"


class ContentTooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "content_too_large"


class UnsupportedContentCoding(APIException):
    """A body that is compressed; the header is that of RFC 9110 section 15.5.16."""

    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_detail = _("The body must not be compressed.")
    default_code = "unsupported_content_coding"
    headers = {"Accept-Encoding": "identity"}


class DatabaseUnavailable(APIException):
    """MySQL is away, or it gave this transaction up (a deadlock, a lock waited for too long)."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = _("The database does not answer. Try again.")
    default_code = "database_unavailable"
    wait = 1  # seconds; becomes Retry-After


class ServerBusy(APIException):
    """More passwords wait to be hashed than this process admits."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = _("The server is busy. Try again.")
    default_code = "server_busy"
    wait = 1  # seconds; becomes Retry-After


class TokenExpired(AuthenticationFailed):
    """Of an access token with a good signature. `session` is the one that it belongs to."""

    def __init__(self, detail: str, session: str) -> None:
        super().__init__(detail)
        self.session = session


class SessionEnded(AuthenticationFailed):
    """By a log-out, a new password, a suspension, or a refresh token that came again."""

    default_detail = _("This session has ended. Log in again.")
    default_code = "session_ended"
    headers = {"X-Relogin-Required": "true"}
