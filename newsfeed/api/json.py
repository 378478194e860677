"""JSON in and out by orjson, some five times as fast as the standard library."""

from typing import IO, Any

import orjson
from django.conf import settings
from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from newsfeed.api.exceptions import ContentTooLarge


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

    Raises ContentTooLarge (413) and ParseError (400): not UTF-8, NaN, a lone surrogate, nested
    deeper than 1,024 levels, or JSON that is not an object.
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            data = orjson.loads(_read(stream))
        except UnreadablePostError as error:
            raise ParseError("The body ended too early.") from error
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
        if not isinstance(data, dict):
            raise ParseError(f"The body must be a JSON object, not {_NAMES[type(data)]}.")
        return data


_NAMES = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _read(stream: IO[Any]) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body: bytes = stream.read(limit + 1)
    if len(body) > limit:
        raise ContentTooLarge(f"The body must not be larger than {limit} bytes.")
    return body
