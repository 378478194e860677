"""The Idempotency-Key header: a POST whose answer got lost can be sent again, and happens once.

After the IETF draft "The Idempotency-Key HTTP Header Field" by J. Jena and S. Dalal (HTTPAPI,
draft-ietf-httpapi-idempotency-key-header-07). The draft wants the key in quotes, as a structured
field; most clients send it bare. Here it is taken as it stands, and quotes are a part of it.
"""

import re
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 255
_VISIBLE_ASCII = r"[!-~]+"

IDEMPOTENCY_PARAMETERS = [
    OpenApiParameter(
        HEADER,
        {"type": "string", "maxLength": MAX_LENGTH, "pattern": f"^{_VISIBLE_ASCII}$"},
        OpenApiParameter.HEADER,
        description="New for each post; the same again to send that post again, for 24 hours.",
    ),
    OpenApiParameter(
        REPLAYED,
        OpenApiTypes.BOOL,
        OpenApiParameter.HEADER,
        response=[201],
        description="`true` when this is the answer to an earlier request with this key.",
    ),
]


class RequestKey(NamedTuple):
    value: str
    fingerprint: str
    """SHA-256 in hex of what the request asks for: another one needs another key."""


def parse_key(request: Request, form: dict[str, Any]) -> RequestKey | None:
    """The key of a request with this valid input, None if it has none.

    Raises ValidationError naming the header.
    """
    value = request.headers.get(HEADER)
    if value is None:
        return None
    if len(value) > MAX_LENGTH or not re.fullmatch(_VISIBLE_ASCII, value):
        message = _("Must be 1 to %(max)d visible ASCII characters.")
        raise ValidationError({HEADER: [message % {"max": MAX_LENGTH}]})
    body = orjson.dumps(form, option=orjson.OPT_SORT_KEYS)
    return RequestKey(value, sha256(body).hexdigest())
