"""How people type a name, and how it is kept."""

import re
import unicodedata

_BEFORE = re.compile(r"\A[@\s]+")
_LOOK_ALIKE = str.maketrans("013456789|!$@l", "oieasbtbgiisai")


def normalise(typed: str) -> str:
    """The name that is meant: NFKC, lower case, no white space around it, no leading @.

    All code that looks a name up, limits it or stores it calls this, so that one account has one
    name. A second call changes nothing. RFC 8265, 3.3 (UsernameCaseMapped), with the wider NFKC.

    >>> normalise(" @Alice")
    'alice'
    """
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return _BEFORE.sub("", unicodedata.normalize("NFKC", folded).rstrip())


def skeleton(word: str) -> str:
    """In lower case and with letters for digits: equal for words that look alike.

    >>> skeleton("4dm1n") == skeleton("Admin")
    True
    """
    return word.lower().translate(_LOOK_ALIKE)


# Names of the staff, of the service, and of the mailboxes of RFC 2142.
_RESERVED = """
abuse admin admins administrator administrators anonymous api billing deleted everyone help helpdesk
hostmaster mailer_daemon mod mods moderation moderator moderators newsfeed nobody noc no_reply null
official operator owner postmaster privacy root security settings staff sudo superuser support
sysadmin system undefined verified webmaster
"""


def is_reserved(username: str) -> bool:
    """Whether a normalised name is a reserved one, or looks like one.

    Underscores do not count, nor do digits around the name, and other digits stand for letters.

    >>> [is_reserved(name) for name in ("admin_", "4dm1n", "support24", "admiral")]
    [True, True, True, False]
    """
    letters = username.replace("_", "")
    return not _SKELETONS.isdisjoint({skeleton(letters), skeleton(letters.strip("0123456789"))})


_SKELETONS = frozenset(skeleton(name.replace("_", "")) for name in _RESERVED.split())
