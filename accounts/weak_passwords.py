"""Passwords that are easy to guess from the account's own names or the service's."""

import re
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.usernames import SERVICE, skeleton

if TYPE_CHECKING:
    from accounts.models import User

LEFT = 8
"""Characters that a password must have besides these names: the least length of NIST SP 800-63B,
5.1.1.2, which also asks for passwords made of such names to be refused."""
_SHORTEST, _SHORTEST_ASCII = 2, 4
"""Letters of a word: "ann" is in planning, and "tom" in tomorrow; "민준" is a name only."""


class ContextValidator:
    """Refuses a password that is little more than these names: as they are, backwards, or with
    digits for letters."""

    def validate(self, password: str, user: "User | None" = None) -> None:
        """Raises ValidationError."""
        left = skeleton(password)
        for word in _words(user):
            left = left.replace(word, "").replace(word[::-1], "")
        if left != skeleton(password) and len(left) < LEFT:
            raise ValidationError(self.get_help_text(), code="password_of_context")

    def get_help_text(self) -> str:
        return _("A password must not be made of your names or of the name of this service.")


def _words(user: "User | None") -> list[str]:
    """Skeletons, the longest first."""
    names = [user.username, user.display_name, user.email.partition("@")[0]] if user else []
    words = {skeleton(one) for name in names for one in (name, *re.split(r"[\W_]+", name))}
    return sorted({w for w in words if _counts(w)} | {skeleton(SERVICE)}, key=len)[::-1]


def _counts(word: str) -> bool:
    return len(word) >= (_SHORTEST_ASCII if word.isascii() else _SHORTEST)
