"""What the OpenAPI schema says about errors, and of the body of a DELETE."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from newsfeed.api.errors import PROBLEM_JSON

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


def problems(*statuses: int) -> dict[tuple[int, str], serializers.Serializer[object]]:
    """The error responses of an endpoint, for the `responses` of extend_schema.

    429 is among them, as every endpoint has a limit.
    """
    return {(status, PROBLEM_JSON): PROBLEM for status in (*statuses, 429)}


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
