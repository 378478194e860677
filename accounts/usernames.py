"""How people type a name, and how it is kept."""

import re
import unicodedata

from accounts.guessing import skeleton

_BEFORE = re.compile(r"\A[@\s]+")


def normalise(typed: str) -> str:
    """The name that is meant: NFKC, lower case, no white space around it, no leading @.

    Whoever looks a name up, limits it or stores it takes it from here, so that one account has one
    name. A second call changes nothing. RFC 8265, 3.3 (UsernameCaseMapped), with the wider NFKC.

    >>> normalise(" @Alice")
    'alice'
    """
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return _BEFORE.sub("", unicodedata.normalize("NFKC", folded).rstrip())


# Whom a name would pass for: the staff, the service, and mailboxes of RFC 2142.
_RESERVED = """
abuse admin admins administrator administrators anonymous api billing deleted everyone help helpdesk
hostmaster mailer_daemon mod mods moderation moderator moderators newsfeed nobody noc no_reply null
official operator owner postmaster privacy root security settings staff sudo superuser support
sysadmin system undefined verified webmaster
"""


def is_reserved(username: str) -> bool:
    """Of a normalised name: whether it is a reserved one, or looks like one.

    Underscores do not count, nor do digits around the name, and other digits stand for letters.

    >>> [is_reserved(name) for name in ("admin_", "4dm1n", "support24", "admiral")]
    [True, True, True, False]
    """
    letters = username.replace("_", "")
    return not _SKELETONS.isdisjoint({skeleton(letters), skeleton(letters.strip("0123456789"))})


_SKELETONS = frozenset(skeleton(name.replace("_", "")) for name in _RESERVED.split())
