"""JSON in and out by orjson, some five times as fast as the standard library."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from newsfeed.api.exceptions import ContentTooLarge, UnsupportedContentCoding


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None  # JSON is always UTF-8

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)


class JSONParser(BaseParser):
    """Reads one JSON object of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    Raises ContentTooLarge (413), without reading a body that is announced as larger;
    UnsupportedContentCoding (415); and ParseError (400): not UTF-8, NaN, a lone surrogate, nested
    deeper than 1,024 levels, or JSON that is not an object.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        fields = parser_context["request"].META if parser_context else {}
        if fields.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedContentCoding
        try:
            data = orjson.loads(_read(stream, announced=int(fields.get("CONTENT_LENGTH") or 0)))
        except UnreadablePostError as error:
            raise ParseError(_("The body ended too early.")) from error
        except orjson.JSONDecodeError as error:
            message = _("The body is not valid JSON: %(error)s.")
            raise ParseError(message % {"error": error}) from error
        if not isinstance(data, dict):
            names = {"type": _NAMES[type(data)]}
            raise ParseError(_("The body must be a JSON object, not %(type)s.") % names)
        return data


_NAMES = {
    list: gettext_lazy("an array"),
    str: gettext_lazy("a string"),
    int: gettext_lazy("a number"),
    float: gettext_lazy("a number"),
    bool: gettext_lazy("a boolean"),
    type(None): gettext_lazy("null"),
}


def _read(stream: IO[Any], *, announced: int) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if announced > limit:
        message = _("The body must not be larger than %(limit)d bytes.")
        raise ContentTooLarge(message % {"limit": limit})
    body: bytes = stream.read()
    return body
