from typing import Any

from rest_framework import serializers

from newsfeed.text import clean_line, clean_text

# Of characters below U+0100 only, in what RE2, PCRE, ECMAScript and Python have in common: no
# \u0000, \x{2028}, \p{Cf} or lookahead. `newsfeed.text` refuses more.
NO_NUL = r"^[^\x00]*$"
_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*"
_LINE = r"[^\x00-\x1f\x7f-\x9f]*"
_SHOWS = r"[^\x00-\x20\x7f-\xa0\xad]"
# No engine backtracks: characters that do not show, the first one that does, the rest.
TEXT = rf"^{_TEXT}$"
VISIBLE_TEXT = rf"^[\t\n\r \xa0\xad]*{_SHOWS}{_TEXT}$"
LINE = rf"^[\t\n\r ]*{_LINE}[\t\n\r ]*$"
VISIBLE_LINE = rf"^[\t\n\r ]*[ \xa0\xad]*{_SHOWS}{_LINE}[\t\n\r ]*$"


class StringField(serializers.CharField):
    """A CharField that takes JSON strings only: DRF's own makes "1e+22" of a long number.

    White space is kept, as in a password.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    @property
    def pattern(self) -> str:
        """For openapi.yaml. The field refuses texts that do not match."""
        return NO_NUL

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, int | float):
            self.fail("invalid")
        return super().run_validation(data)


class TextField(StringField):
    """A text for people, of one or more lines: `newsfeed.text`."""

    @property
    def pattern(self) -> str:
        return TEXT if self.allow_blank else VISIBLE_TEXT

    def to_internal_value(self, data: Any) -> str:
        text = self.clean(super().to_internal_value(data))
        if not text and not self.allow_blank:
            self.fail("blank")
        return text

    def clean(self, text: str) -> str:
        return clean_text(text)


class LineField(TextField):
    """The same, of one line, without white space around it: a name."""

    @property
    def pattern(self) -> str:
        return LINE if self.allow_blank else VISIBLE_LINE

    def clean(self, text: str) -> str:
        return clean_line(text)
