"""Revokes tokens: in MySQL in a transaction, and in Redis after it.

A process trusts sessions in Redis only if it has seen, at most `session_lease` seconds ago, that
Redis has every revocation. A request that revokes and cannot reach Redis waits as long before it
answers: by then no process trusts the session that it has ended. It is a lease, after C. Gray and
D. Cheriton, "Leases" (SOSP 1989).
"""

import logging
import time
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import session_cache
from accounts.models import RefreshToken, RevokedToken
from newsfeed.mysql.transactions import transactional
from newsfeed.redis.client import RedisUnavailable

logger = logging.getLogger(__name__)

BATCH = 1_000


class Lease:
    """Until when sessions in Redis may be relied on, by `time.monotonic`."""

    until = 0.0

    def reset(self) -> None:
        self.until = 0.0


lease = Lease()


def revoke(tokens: QuerySet[RefreshToken], *others: RevokedToken) -> None:
    """Refresh tokens and the access tokens that came with them. In a transaction."""
    now = timezone.now()
    tokens.filter(revoked_at=None).update(revoked_at=now)
    living = tokens.filter(access_expires_at__gt=now).values_list("access_jti", "access_expires_at")
    revoked = [RevokedToken(jti=jti, expires_at=expires_at) for jti, expires_at in living]
    RevokedToken.objects.bulk_create([*revoked, *others], BATCH, ignore_conflicts=True)
    lease.reset()
    transaction.on_commit(_copy_or_wait, robust=True)


def redis_has_all() -> bool:
    """Whether Redis has every revocation, so that a session found there is valid."""
    now = time.monotonic()
    if now < lease.until:
        return True
    if not _copy_to_redis():
        return False
    lease.until = now + settings.TIME_LIMITS.session_lease
    return True


def _copy_or_wait() -> None:
    leases_end = time.monotonic() + settings.TIME_LIMITS.session_lease
    is_copied = False
    try:
        is_copied = _copy_to_redis()
    finally:
        if not is_copied:
            lease.reset()
            time.sleep(max(0, leases_end - time.monotonic()))


def _copy_to_redis() -> bool:
    """Whether nothing is left to copy."""
    try:
        while left := _seconds_left():
            session_cache.revoke(left)
            _mark_copied(left)
    except RedisUnavailable as error:
        logger.warning("revocations are not copied to Redis yet: %s", error)
        return False
    return True


def _seconds_left() -> dict[str, int]:
    """{jti: seconds until it expires} of the revoked tokens that are not in Redis yet."""
    now = timezone.now()
    rows = RevokedToken.objects.filter(copied_at=None, expires_at__gt=now).order_by("pk")[:BATCH]
    return {row.jti: int((row.expires_at - now).total_seconds()) + 1 for row in rows}


@transactional
def _mark_copied(jtis: Iterable[str]) -> None:
    RevokedToken.objects.filter(jti__in=list(jtis)).update(copied_at=timezone.now())
