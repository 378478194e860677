"""How people type a name, and how it is kept."""

import re
import unicodedata

SERVICE = "newsfeed"
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
    Nobody may have the name of the service in theirs.

    >>> [is_reserved(name) for name in ("admin_", "4dm1n", "support24", "admiral")]
    [True, True, True, False]
    >>> is_reserved("newsfeed_helper"), is_reserved("news_for_kim")
    (True, False)
    """
    letters = username.replace("_", "")
    forms = {skeleton(letters), skeleton(letters.strip("0123456789"))}
    return not _SKELETONS.isdisjoint(forms) or skeleton(SERVICE) in skeleton(letters)


_SKELETONS = frozenset(skeleton(name.replace("_", "")) for name in _RESERVED.split())
