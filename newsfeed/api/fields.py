from typing import Any

from rest_framework import serializers

VISIBLE = r"\S"
"""What a text must match that is not trimmed, and still must not be blank."""


class StringField(serializers.CharField):
    """A CharField that takes JSON strings only: DRF's own makes "1e+22" of a long number."""

    pattern = ""
    """For the API's documents, if the field takes less than any visible text."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, int | float):
            self.fail("invalid")
        return super().run_validation(data)
