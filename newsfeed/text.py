"""What a text that people read may hold, and when it is blank: one notion for every field.

A text is blank if none of its characters shows. That goes by Unicode category: letters, numbers,
punctuation, symbols and spacing marks show. White space, format characters, private use and marks
without anything to stand on do not. Neither does `_INVISIBLE`. What Unicode has not assigned yet
shows, since the emoji of next year are among it.

Some characters are refused, for what they do to the text around them. Everything else stays as it
was written: emoji sequences with their joiners, selectors and tags, Jamo with their fillers, ZWNJ
in Persian, LRM and RLM. But a text is kept in NFC (UAX 15), in which some systems do not send it:
a Hangul syllable is one character then and not three, and limits of length count that.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_BLANK_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Mn", "Me"}
# Letters, symbols and unassigned ones of Default_Ignorable_Code_Point (UAX 44), the Hangul fillers
# among them; Braille blank, object replacement, Egyptian blanks, null notehead.
_INVISIBLE = re.compile(
    "[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\ufffc"
    "\U00013441\U00013442\U0001d159\U000e0000-\U000e0fff]"
)
_NONCHARACTERS = "\ufdd0-\ufdef\ufffe\uffff" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17)
)
# Control characters but tab and line feed, overrides of direction, halves of a surrogate pair.
_NEVER = f"\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u202d\u202e\ud800-\udfff{_NONCHARACTERS}"
_REFUSED = re.compile(f"[{_NEVER}]")
# A line has no end inside, and nothing that could turn what is printed after it (UAX 9, 2.1-2.4).
_REFUSED_IN_LINE = re.compile(f"[{_NEVER}\\t\\n\u2028-\u202c\u2066-\u2069]")


def is_blank(text: str) -> bool:
    """
    >>> is_blank("\\u200b \\u3164"), is_blank("\\u200b.")
    (True, False)
    """
    return not any(map(_shows, text))


def _shows(character: str) -> bool:
    visible = unicodedata.category(character) not in _BLANK_CATEGORIES
    return visible and not _INVISIBLE.match(character)


def clean_text(text: str) -> str:
    """A text of one or more lines in NFC, each ended by a line feed; "" if it is blank.

    Raises Django's ValidationError, which names the character that is refused.
    """
    return _clean(text.replace("\r\n", "\n").replace("\r", "\n"), _REFUSED)


def clean_line(text: str) -> str:
    """A text of one line in NFC, without white space around it; "" if it is blank.

    Raises Django's ValidationError, which names the character that is refused.
    """
    return _clean(text.strip(" \t\r\n"), _REFUSED_IN_LINE).strip()


def _clean(text: str, refused: re.Pattern[str]) -> str:
    if found := refused.search(text):
        character = found[0]
        name = f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
        message = _("The character %(character)s is not allowed here.")
        raise ValidationError(message, params={"character": name})
    return "" if is_blank(text) else unicodedata.normalize("NFC", text)
