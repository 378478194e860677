"""Serializers for the body of a request refuse fields that they do not know, by name.

Otherwise a misspelt field would be ignored, and its sender told that all went well.
"""

from typing import Any, cast

from django.utils.translation import gettext as _
from rest_framework import serializers

NAMED = 20
"""So many unknown fields are named; a body may hold thousands."""


# No docstring: in openapi.yaml, it would describe each form that has none of its own.
class InputSerializer(serializers.Serializer[Any]):
    @classmethod
    def validated(cls, data: Any) -> dict[str, Any]:
        """Raises ValidationError."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return cast("dict[str, Any]", serializer.validated_data)

    def to_internal_value(self, data: Any) -> Any:
        unknown = [name for name in data if name not in self.fields][:NAMED]
        errors = {name: [_("There is no such field.")] for name in unknown}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            found = cast("dict[str, Any]", error.detail)
            raise serializers.ValidationError(found | errors) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value
