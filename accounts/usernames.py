"""How people type a name, and how it is kept."""

import unicodedata

_WHITE_SPACE = " \t\r\n"


def normalise(typed: str) -> str:
    """The name that is meant: NFKC, lower case, no white space around it, no leading @.

    Whoever looks a name up, limits it or stores it takes it from here, so that one account has one
    name. A second call changes nothing. RFC 8265, 3.3 (UsernameCaseMapped), with the wider NFKC.

    >>> normalise(" @Alice")
    'alice'
    """
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return unicodedata.normalize("NFKC", folded).strip(_WHITE_SPACE).lstrip(f"@{_WHITE_SPACE}")
