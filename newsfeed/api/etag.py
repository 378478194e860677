"""Weak ETags: a client that has the answer already gets 304 and no body (RFC 9110, 8.8 and 13)."""

from functools import partial
from hashlib import blake2b

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

KEPT = ("Cache-Control", "ETag", "Vary")
ETAG_PARAMETERS = [
    OpenApiParameter(
        "If-None-Match",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="The `ETag` of an earlier answer: 304 if it would be the same.",
    ),
    OpenApiParameter("ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200, 304]),
]


def with_etag(request: Request, response: Response) -> Response:
    """Its one reader asks for it each time, and gets it only when it has changed."""
    response.headers["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization"])
    response.add_post_render_callback(partial(_answer, request))
    return response


def _answer(request: Request, response: HttpResponse) -> HttpResponse | None:
    """None leaves the response as it is."""
    digest = blake2b(response.content, digest_size=12).hexdigest()
    response.headers["ETag"] = f'W/"{digest}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    # The weak comparison: what a proxy has made of it may have lost the W.
    if not any(one == "*" or one.removeprefix("W/") == f'"{digest}"' for one in known):
        return None
    return HttpResponse(status=304, headers={name: response.headers[name] for name in KEPT})
