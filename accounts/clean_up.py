"""Removes what tells of tokens that have expired: nobody will ask for it again."""

from django.db.models import Model
from django.utils import timezone

from accounts.models import RefreshToken, RevokedToken
from newsfeed.db import transactional

CHUNK = 1_000
TABLES: tuple[type[Model], ...] = (RefreshToken, RevokedToken)


@transactional
def delete_expired(table: type[Model]) -> int:
    """Up to CHUNK rows, so that no lock is held for long; how many it were."""
    expired = table._default_manager.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    ids = list(expired.values_list("pk", flat=True)[:CHUNK])
    table._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def count_expired(table: type[Model]) -> int:
    return table._default_manager.filter(expires_at__lte=timezone.now()).count()
