"""Text that people read: what is blank, what is refused, and what stays as it was written."""

import re
import unicodedata
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError as BadField

from newsfeed.admin import fields
from newsfeed.api.fields import LineField, StringField, TextField
from newsfeed.text import clean_line, clean_text, is_blank

SHOWS_NOTHING = {
    "zero-width space": "\u200b",
    "Hangul filler": "\u3164",
    "half-width filler": "\uffa0",
    "fillers of Jamo": "\u115f\u1160",
    "Braille blank": "\u2800",
    "soft hyphen": "\xad",
    "byte order mark": "\ufeff",
    "tags": "\U000e0067\U000e0062\U000e007f",
    "variation selectors": "\ufe0f\U000e0100",
    "joiners": "\u200c\u200d\u2060",
    "a mark on nothing": "\u0316",
    "private use": "\ue000\U000f0000",
    "object replacement": "\ufffc",
    "separators": "\u2028\u2029",
    "white space": " \t\n\xa0\u3000",
}
KEPT = {
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flag of England": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "keycap": "1\ufe0f\u20e3",
    "emoji of after this Unicode": "\U0001fafe",
    "Jamo that no syllable has": "\u1112\u119e\u11ab \u115f\u1161 \u3131",
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hebrew with marks of direction": "\u200f\u05e9\u05dc\u05d5\u05dd\u200e 1",
    "zero-width space inside": "가\u200b나",
}
REFUSED = {"\0": "U+0000", "\x1b[31m": "U+001B", "\x85": "U+0085", "\v": "U+000B"}
REFUSED |= {"\u202eabc": "U+202E RIGHT-TO-LEFT OVERRIDE", "\ufdd0": "U+FDD0"}
REFUSED |= {"\U0010ffff": "U+10FFFF", "\ud800": "U+D800"}
REFUSED_IN_A_LINE = {"\n": "U+000A", "\r": "U+000D", "\u2028": "U+2028 LINE SEPARATOR"}
REFUSED_IN_A_LINE |= {"\t": "U+0009", "\u2067": "U+2067 RIGHT-TO-LEFT ISOLATE", "\u202b": "U+202B"}


@pytest.mark.parametrize("kind", SHOWS_NOTHING)
def test_a_text_that_shows_nothing_is_blank(kind: str) -> None:
    text = SHOWS_NOTHING[kind]
    assert clean_text(text) == ""
    assert clean_text(f"a{text}") == f"a{text}"


@pytest.mark.parametrize("kind", KEPT)
def test_scripts_and_emoji_are_kept_as_they_are(kind: str) -> None:
    assert clean_text(KEPT[kind]) == clean_line(KEPT[kind]) == KEPT[kind]


@pytest.mark.parametrize("text", REFUSED)
def test_what_controls_or_overrides_is_refused_by_name(text: str) -> None:
    for clean in (clean_text, clean_line):
        with pytest.raises(ValidationError, match=re.escape(REFUSED[text])):
            clean(f"a{text}b")


@pytest.mark.parametrize("text", REFUSED_IN_A_LINE)
def test_a_name_is_one_line_that_turns_nothing(text: str) -> None:
    assert clean_text(f"a{text}b") == f"a{text}b".replace("\r", "\n")
    with pytest.raises(ValidationError, match=re.escape(REFUSED_IN_A_LINE[text])):
        clean_line(f"a{text}b")


def test_lines_end_alike_and_a_line_is_trimmed() -> None:
    assert clean_text(" a\r\n\rb\n ") == " a\n\nb\n "
    assert clean_line("\u3000 a b\r\n") == "a b"


@pytest.mark.parametrize(
    "take",
    [
        TextField(max_length=4).run_validation,
        LineField(max_length=4).run_validation,
        fields.TextField(max_length=4).clean,
        fields.LineField(max_length=4).clean,
    ],
)
def test_a_text_is_composed_and_then_measured(take: Callable[[str], str]) -> None:
    assert take(unicodedata.normalize("NFD", "한글 é")) == "한글 é"
    with pytest.raises((ValidationError, BadField)):
        take("한글 éé")


INVISIBLE = "\u115f\u1160\u2800\u3164\uffa0\ufffc\U00013441\U00013442\U0001d159"


@given(st.characters(categories=["L", "N", "P", "S", "Mc"], exclude_characters=INVISIBLE))
def test_what_shows_makes_a_text_visible(character: str) -> None:
    assert not is_blank(f"\u200b{character}\u200b")
    assert is_blank(INVISIBLE)


@given(st.text(st.characters(categories=["Z", "Cc", "Cf", "Co", "Cs", "Mn", "Me"])))
def test_what_does_not_never_does(text: str) -> None:
    assert is_blank(text)


FIELDS = {"a": StringField(), "b": TextField(), "c": LineField()}
FIELDS |= {"d": TextField(allow_blank=True), "e": LineField(allow_blank=True)}
LATIN = st.text(st.characters(max_codepoint=0xFF))


@pytest.mark.parametrize("name", FIELDS)
@given(LATIN | st.text("a \n\r\t\xa0\xad\x85\0"))
def test_the_patterns_say_what_is_refused_below_u_0100(name: str, text: str) -> None:
    field = FIELDS[name]
    # Python's $ also matches before a last line feed.
    matches = bool(re.search(field.pattern.removesuffix("$") + r"\Z", text))
    too_short = not text and not field.allow_blank
    assert _is_taken(field, text) == (matches and not too_short)


def _is_taken(field: StringField, text: str) -> bool:
    try:
        field.run_validation(text)
    except (ValidationError, BadField):
        return False
    return True
