"""Log lines about log-ins and accounts (ASVS 5.0, 16.3.1).

The events are named after OWASP's Logging Vocabulary. Address and request id are in every line of a
request (`newsfeed.logs`).
"""

import logging

from django.utils.crypto import salted_hmac

from accounts.models import User

logger = logging.getLogger(__name__)


def tell(event: str, account: int | None, **fields: str) -> None:
    logger.info(event, extra={"account": account, **fields})


def tell_of_name(event: str, username: str, **fields: str) -> None:
    """Names the account, or a keyed hash if nobody has the name: it may be a password."""
    account = User.objects.filter(username=username).values_list("pk", flat=True).first()
    if account is None:
        fields["name_hash"] = _hash(username)
    tell(event, account, **fields)


def tell_of_refused_name(event: str, username: str, **fields: str) -> None:
    """Always the hash: a flood that a limit refuses must not cost a query a request."""
    tell(event, None, name_hash=_hash(username), **fields)


def _hash(username: str) -> str:
    digest = salted_hmac("accounts.audit", username, algorithm="sha256").hexdigest()
    return digest[:16]
