"""Deletes expired rows of tokens and sessions: nobody will ask for them again."""

from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import KnownAddress, RefreshToken, RevokedToken
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
    """Up to CHUNK rows, so that no lock is held for long. Returns how many."""
    ids = list(_expired(table).order_by(EXPIRY[table]).values_list("pk", flat=True)[:CHUNK])
    table._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def count_expired(table: type[Model]) -> int:
    return _expired(table).count()


def _expired(table: type[Model]) -> QuerySet[Model]:
    return table._default_manager.filter(**{f"{EXPIRY[table]}__lte": timezone.now()})
