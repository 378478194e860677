"""Deletes expired rows of tokens and sessions: nobody will ask for them again."""

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import KnownAddress, RefreshToken, RevokedToken
from newsfeed.mysql.keyset import delete_some
from newsfeed.mysql.transactions import transactional

CHUNK = 1_000
EXPIRY: dict[type[Model], str] = {
    RefreshToken: "expires_at",
    RevokedToken: "expires_at",
    KnownAddress: "expires_at",
    AccessAttempt: "attempt_time",  # all rows: only an older version writes them
    Session: "expire_date",
}
TABLES = tuple(EXPIRY)


@transactional
def delete_expired(table: type[Model]) -> int:
    """Up to CHUNK rows, oldest first. Returns how many."""
    return delete_some(_expired(table).order_by(EXPIRY[table]), CHUNK)


def count_expired(table: type[Model]) -> int:
    return _expired(table).count()


def _expired(table: type[Model]) -> QuerySet[Model]:
    return table._default_manager.filter(**{f"{EXPIRY[table]}__lte": timezone.now()})
