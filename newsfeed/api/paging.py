"""Key-set paging, newest first: the cursor is the last id shown, and the next page starts below it.

Lists answer {"results": [...], "next": absolute url|null}; clients follow `next` as it is.
"""

import re
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from newsfeed.mysql.keyset import key_of

T = TypeVar("T")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_ID = 10**18 - 1
"""Far more than MySQL will ever count to; so the digits of a cursor are all that makes it valid."""
# int() alone would also take "+1", "1_0" and the digits of other scripts.
_DECIMAL = re.compile(r"[1-9][0-9]{0,17}")

PAGE_PARAMETERS = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        description="The most results that the page may have.",
    ),
    OpenApiParameter(
        "cursor",
        {"type": "string", "pattern": f"^({_DECIMAL.pattern})?$"},
        description="Taken from `next`; opaque.",
    ),
]
BAD_PAGE = {"limit": f"Must be a whole number from 1 to {MAX_LIMIT}."}
"""The example of a problem, as `newsfeed.api.schema.problems` takes it."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` rows with an id below `before`; None begins at the newest."""

    before: int | None = None
    limit: int = DEFAULT_LIMIT


def next_page(path: str, results: list[Any]) -> dict[str, Any]:
    """An example of a page that is not the last one."""
    url = f"https://feed.example.com/api/v1{path}?limit={len(results)}&cursor=42"
    return {"results": results, "next": url}


def parse_page(request: Request) -> PageRequest:
    """The page a request asks for. Raises ValidationError naming `limit` or `cursor`."""
    limit = _decimal(request.query_params.get("limit", str(DEFAULT_LIMIT)))
    if limit is None or limit > MAX_LIMIT:
        message = _("Must be a whole number from 1 to %(max)d.") % {"max": MAX_LIMIT}
        raise ValidationError({"limit": [message]})
    cursor = request.query_params.get("cursor", "")
    before = _decimal(cursor)
    if cursor and before is None:
        raise ValidationError({"cursor": [_("Must be a cursor taken from `next`.")]})
    return PageRequest(before=before, limit=limit)


def page_of(
    rows: QuerySet[Any, T], page: PageRequest, *, key: str = "pk"
) -> tuple[list[T], int | None]:
    """Up to `limit` of the rows, highest key first, and the cursor of the next page.

    Rows are objects, or keys alone (`values_list(key, flat=True)`).
    """
    if page.before:
        rows = rows.filter(**{f"{key}__lt": page.before})
    found = list(rows.order_by(f"-{key}")[: page.limit + 1])
    shown = found[: page.limit]
    return shown, key_of(shown[-1], key) if len(found) > page.limit else None


def page_response(request: Request, results: Any, next_cursor: int | None) -> Response:
    """Answer a page; the link to the next one keeps the request's other parameters."""
    return Response({"results": results, "next": _next_url(request, next_cursor)})


def _next_url(request: Request, cursor: int | None) -> str | None:
    if cursor is None:
        return None
    query = urlencode(request.query_params.dict() | {"cursor": cursor})
    return request.build_absolute_uri(f"{request.path}?{query}")


def _decimal(text: str) -> int | None:
    return int(text) if _DECIMAL.fullmatch(text) else None
