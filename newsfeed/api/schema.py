"""What the OpenAPI schema says about errors."""

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
