"""The Idempotency-Key header: a POST whose answer got lost can be sent again, and happens once.

After the IETF draft "The Idempotency-Key HTTP Header Field" by J. Jena and S. Dalal (HTTPAPI,
draft-ietf-httpapi-idempotency-key-header-07). The draft wants the key in quotes, as a structured
field; most clients send it bare. Here it is taken as it stands, and quotes are a part of it.
"""

import re
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any, cast

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from newsfeed.api.answers import RequestKey, answer_once

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
_VISIBLE_ASCII = r"[!-~]+"

IDEMPOTENCY_PARAMETERS = [
    OpenApiParameter(
        HEADER,
        {"type": "string", "maxLength": MAX_LENGTH, "pattern": f"^{_VISIBLE_ASCII}$"},
        OpenApiParameter.HEADER,
        description="New for each request; the same again to repeat that request, for 24 hours.",
    ),
    OpenApiParameter(
        REPLAYED,
        OpenApiTypes.BOOL,
        OpenApiParameter.HEADER,
        response=[201],
        description="`true` when this is the answer to an earlier request with this key.",
    ),
]
BAD_KEY = {HEADER: "Must be 1 to 255 visible ASCII characters."}
KEY_REUSED = "This Idempotency-Key came with another request before. Take a new one."
"""For the description of an operation."""

Create = Callable[..., Response]


def idempotent(*, location: str = "") -> Callable[[Create], Create]:
    """For the `post` of a view that creates one object and answers 201 with a body.

    A request with the same Idempotency-Key, path and body gets the first answer. `location` names
    the URL of the object, whose argument is the body's `id`. Raises ValidationError naming the
    header, and what `answer_once` raises.
    """

    def decorate(post: Create) -> Create:
        @wraps(post)
        def answer(view: object, request: Request, *args: Any, **kwargs: Any) -> Response:
            def create() -> dict[str, Any]:
                response = post(view, request, *args, **kwargs)
                assert response.status_code == HTTPStatus.CREATED, response
                data: dict[str, Any] = response.data
                return data

            key, user = _parse_key(request), cast("AbstractBaseUser", request.user)
            data, replayed = answer_once(user.pk, key, create) if key else (create(), False)
            return Response(data, HTTPStatus.CREATED, headers=headers(request, data, replayed))

        return answer

    def headers(request: Request, data: dict[str, Any], replayed: bool) -> dict[str, str]:  # noqa: FBT001
        headers = {REPLAYED: "true"} if replayed else {}
        if location:
            path = reverse(location, args=[data["id"]])
            headers["Location"] = request.build_absolute_uri(path)
        return headers

    return decorate


def _parse_key(request: Request) -> RequestKey | None:
    value = request.headers.get(HEADER)
    if value is None:
        return None
    if len(value) > MAX_LENGTH or not re.fullmatch(_VISIBLE_ASCII, value):
        message = _("Must be 1 to %(max)d visible ASCII characters.")
        raise ValidationError({HEADER: [message % {"max": MAX_LENGTH}]})
    try:
        body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:  # it writes 254 levels, and reads more
        raise ParseError(_("The body is nested too deeply.")) from error
    return RequestKey(value, request.path, sha256(body).hexdigest())
