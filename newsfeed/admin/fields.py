"""Form fields for text that people read: `newsfeed.text`, before its length is measured."""

from typing import Any

from django import forms

from newsfeed.text import clean_line, clean_text


class TextField(forms.CharField):
    def to_python(self, value: Any) -> str:
        return clean_text(super().to_python(value) or "")


class LineField(forms.CharField):
    def to_python(self, value: Any) -> str:
        return clean_line(super().to_python(value) or "")
