"""How passwords are hashed, and how many at once.

A hash takes a core for tens of milliseconds. A process computes one at a time, and only half of its
threads may wait for their turn: the others go on answering requests that need no hash.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from newsfeed.api.exceptions import ServerBusy

WAIT_SECONDS = 2.0
"""Longer than the hashes before it take, also those of PBKDF2."""


class Argon2id(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: the least that OWASP's Password Storage Cheat
    Sheet names, at a fifth of the memory that Django takes. Older hashes are replaced at log-in."""

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1


_turn = Lock()
_places = BoundedSemaphore(1 + settings.WEB_THREADS // 2)


def hash_password(password: str | None) -> str:
    """None gives a hash that no password matches. Raises ServerBusy."""
    if password is None:
        return make_password(None)
    with _in_turn():
        return make_password(password)


def verify_password(password: str | None, encoded: str, upgrade: Callable[[str], object]) -> bool:
    """Calls `upgrade` with a new hash if the password is right and its hash is of an older kind.

    Raises ServerBusy.
    """
    with _in_turn():
        return check_password(password, encoded, lambda right: upgrade(make_password(right)))


@contextmanager
def _in_turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise ServerBusy
    try:
        if not _turn.acquire(timeout=WAIT_SECONDS):
            raise ServerBusy
        try:
            yield
        finally:
            _turn.release()
    finally:
        _places.release()
