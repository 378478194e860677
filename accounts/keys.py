"""The keys that tokens are signed with: kept in MySQL, one of them primary, the others in grace.

A row holds a random seed only. The key is its HMAC-SHA256 under the server's own secret (the
extract step of HKDF, RFC 5869), so who reads the database alone can forge nothing.
"""

import hmac
import math
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import SigningKey
from newsfeed.mysql.transactions import transactional


@dataclass(frozen=True)
class Key:
    kid: str
    secret: bytes = field(repr=False)
    is_primary: bool
    verifies_until: datetime | None
    """None for the primary one."""


class Ring:
    """The keys by their kid, as this process last read them from MySQL."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets them, as a process that has just started."""
        self._keys: dict[str, Key] = {}
        self._loaded_at = self._missed_at = -math.inf

    def recent(self) -> dict[str, Key]:
        is_recent = time.monotonic() < self._loaded_at + settings.TIME_LIMITS.signing_keys
        return self._keys if is_recent else self.reload()

    def reload_for_unknown(self) -> dict[str, Key]:
        now = time.monotonic()
        if now < self._missed_at + settings.TIME_LIMITS.unknown_keys:
            return self._keys
        self._missed_at = now
        return self.reload()

    def reload(self) -> dict[str, Key]:
        loaded_at = time.monotonic()
        self._keys = {
            row.kid: Key(row.kid, derive(bytes(row.seed)), bool(row.is_primary), row.verifies_until)
            for row in SigningKey.objects.all()
        }
        self._loaded_at = loaded_at
        return self._keys


ring = Ring()


def signing_key() -> Key:
    """The primary key; the first one is made when it is asked for."""
    key = _primary(ring.recent()) or _primary(ring.reload())
    if key is None:
        _create_first()
        key = _primary(ring.reload())
    assert key
    return key


def verifying_key(kid: object) -> Key | None:
    """None when there is no such key, or its grace is over.

    An unknown kid may be of a key that another process has just made, so MySQL is asked, unless it
    was asked for another one just now.
    """
    if not isinstance(kid, str):
        return None
    key = ring.recent().get(kid) or ring.reload_for_unknown().get(kid)
    return key if key and _verifies(key) else None


def verifying_keys() -> list[Key]:
    """All of this moment: another process may have made one since this one last looked."""
    return [key for key in ring.reload().values() if _verifies(key)]


def _primary(keys: dict[str, Key]) -> Key | None:
    return next((key for key in keys.values() if key.is_primary), None)


def _verifies(key: Key) -> bool:
    return key.verifies_until is None or key.verifies_until > timezone.now()


def derive(seed: bytes) -> bytes:
    return hmac.digest(settings.SIMPLE_JWT["SIGNING_KEY"].encode(), seed, "sha256")


@dataclass(frozen=True, slots=True)
class Rotation:
    created: str | None
    """The kid of the new primary key; None while the old one is not due."""
    removed: list[str]


def rotate(*, force: bool = False, compromised: bool = False, dry_run: bool = False) -> Rotation:
    """Makes a new primary key when the old one is due, and removes those whose grace is over.

    `force` does not wait until it is due, `compromised` grants the old ones no grace either. Other
    processes notice when they read the keys again.
    """
    try:
        return _rotate(force=force or compromised, compromised=compromised, dry_run=dry_run)
    except IntegrityError:  # somebody else has just made one
        return Rotation(created=None, removed=[])


@transactional
def _rotate(*, force: bool, compromised: bool, dry_run: bool) -> Rotation:
    now = timezone.now()
    old = SigningKey.objects.select_for_update().filter(is_primary=True).first()
    due = now - timedelta(days=settings.JWT_KEY_LIFETIME_DAYS)
    created = None
    if old is None or force or old.created_at <= due:
        grace = timedelta(days=0 if compromised else settings.JWT_KEY_GRACE_DAYS)
        SigningKey.objects.filter(is_primary=True).update(
            is_primary=None, verifies_until=now + grace
        )
        created = _create_primary().kid
    over = SigningKey.objects.filter(is_primary=None)
    if not compromised:
        over = over.filter(verifies_until__lte=now)
    removed = list(over.values_list("kid", flat=True))
    over.delete()
    transaction.set_rollback(dry_run)
    return Rotation(created, removed)


def _create_first() -> None:
    try:
        with transaction.atomic():
            _create_primary()
    except IntegrityError:  # another process was first
        pass


def _create_primary() -> SigningKey:
    return SigningKey.objects.create(kid=uuid4().hex, seed=secrets.token_bytes(32), is_primary=True)
