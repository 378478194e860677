"""Building blocks of openapi.yaml: bodies, answers and problems, each with an example.

Each app's `openapi` describes the app's operations. What every operation answers by its
nature is added by `add_common_problems`: no view need name it.
"""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    inline_serializer,
)
from rest_framework import serializers

from newsfeed.api.errors import PROBLEM_JSON, TITLES
from newsfeed.api.fields import StringField
from newsfeed.api.paging import MAX_ID
from newsfeed.api.serializers import InputSerializer

Detail = str | dict[str, str]
"""Of a problem; or, of a validation problem, the message for each field."""

FIELD_ERRORS = inline_serializer(
    "FieldError",
    {"field": serializers.CharField(), "message": serializers.CharField()},
    many=True,
    required=False,
)
PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(),
        "instance": serializers.CharField(),
        "errors": FIELD_ERRORS,
    },
)
COMMON = {
    401: ("Authentication credentials were not provided.", "This session has ended. Log in again."),
    406: ("Could not satisfy the request Accept header.",),
    413: ("The body must not be larger than 262144 bytes.",),
    415: ('Unsupported media type "text/plain" in request.',),
    429: ("Request was throttled. Expected available in 12 seconds.",),
    503: ("The database does not answer. Try again.",),
}
"""The details of the problems that many operations share."""
_WAIT = {"description": "Seconds.", "required": True, "schema": {"type": "integer", "minimum": 1}}
_SCHEME = {"required": True, "schema": {"type": "string"}}
_RELOGIN = {
    "description": "`true`: refreshing is of no use, log in again.",
    "schema": {"type": "string", "enum": ["true"]},
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _SCHEME, "X-Relogin-Required": _RELOGIN},
    429: {"Retry-After": _WAIT},
    503: {"Retry-After": _WAIT},
}


def id_parameter(name: str, description: str) -> OpenApiParameter:
    """An id in the path."""
    schema = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
    example = OpenApiExample("id", 42)
    return OpenApiParameter(
        name, schema, OpenApiParameter.PATH, description=description, examples=[example]
    )


def body(serializer: type[serializers.BaseSerializer[Any]], example: object) -> OpenApiRequest:
    return OpenApiRequest(serializer, examples=[OpenApiExample("body", example)])


def answer(
    description: str,
    serializer: type[serializers.BaseSerializer[Any]] | None = None,
    example: object = None,
) -> OpenApiResponse:
    """Without a serializer, an answer that has no body."""
    examples = [OpenApiExample("answer", example)] if serializer else []
    return OpenApiResponse(serializer, description=description, examples=examples)


def problems(path: str, details: dict[int, Detail | list[Detail]]) -> dict[Any, OpenApiResponse]:
    """The problems of one operation, by status, for the `responses` of extend_schema."""
    answers = {}
    for status, given in details.items():
        several = given if isinstance(given, list) else [given]
        examples = [
            OpenApiExample(name, example, media_type=PROBLEM_JSON)
            for name, example in _examples(f"/api/v1{path}", status, several).items()
        ]
        title = _title(status)
        answers[status, PROBLEM_JSON] = OpenApiResponse(
            PROBLEM, description=title, examples=examples
        )
    return answers


def _examples(path: str, status: int, details: list[Detail]) -> dict[str, Any]:
    return {
        f"problem{number or ''}": _example(path, status, detail)
        for number, detail in enumerate(details)
    }


def _example(path: str, status: int, detail: Detail) -> dict[str, Any]:
    problem = {"type": "about:blank", "title": _title(status), "status": status, "instance": path}
    if isinstance(detail, str):
        return problem | {"detail": detail}
    return problem | {
        "type": "/problems/validation",
        "title": "Invalid input",
        "detail": " ".join(f"{field}: {message}" for field, message in detail.items()),
        "errors": [{"field": field, "message": message} for field, message in detail.items()],
    }


def _title(status: int) -> str:
    return str(TITLES[status])


def add_common_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: one response for all operations that may end so."""
    result["components"]["responses"] = {
        _component(status): _common_problem(status) for status in COMMON
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return result


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in _common_statuses(operation):
        shared = {"$ref": f"#/components/responses/{_component(status)}"}
        if str(status) not in responses:
            responses[str(status)] = shared
        elif status in _HEADERS:
            responses[str(status)]["headers"] = _HEADERS[status]
    operation["responses"] = dict(sorted(responses.items()))


def _common_statuses(operation: dict[str, Any]) -> Iterator[int]:
    # Without a token too: a 401 about a password, or about a refresh token.
    if {"jwt": []} in operation["security"] or "401" in operation["responses"]:
        yield 401
    if "requestBody" in operation:
        yield from (413, 415)
    yield from (406, 429, 503)


def _common_problem(status: int) -> dict[str, Any]:
    examples = _examples("/api/v1/posts/", status, list(COMMON[status]))
    problem = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {name: {"value": example} for name, example in examples.items()},
    }
    response = {"description": _title(status), "content": {PROBLEM_JSON: problem}}
    return response | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _component(status: int) -> str:
    return _title(status).replace(" ", "")


class StringSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """What StringField refuses besides, as far as a pattern can tell."""

    target_class = StringField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        field = self.target
        schema = auto_schema._map_serializer_field(field, direction, bypass_extensions=True)
        schema["minLength"] = int(not field.allow_blank)
        return schema | {"pattern": field.pattern}


class InputSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Forms refuse fields that they do not know."""

    target_class = InputSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = auto_schema._map_basic_serializer(self.target, direction)
        for name, field in schema["properties"].items():
            # Our patterns take a blank text where it may be, without a second schema for it.
            schema["properties"][name] = field.get("oneOf", [field])[0]
        return schema | {"additionalProperties": False}


class Schema(AutoSchema):
    """drf-spectacular says nothing of the body of a DELETE; here, what extend_schema names."""

    def get_request_serializer(self) -> Any:
        return None if self.method == "DELETE" else super().get_request_serializer()

    def _get_request_body(self, direction: str = "request") -> Any:
        method = self.method
        if method == "DELETE" and self.get_request_serializer() is not None:
            self.method = "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method
