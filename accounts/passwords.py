"""How passwords are hashed, and how many at once.

A hash takes a core for tens of milliseconds. A process computes one at a time, and only half of its
threads may wait for their turn: the others go on answering requests that need no hash.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    check_password,
    is_password_usable,
    make_password,
)

from newsfeed.api.exceptions import ServerBusy


class Argon2id(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one lane: the least that OWASP's Password Storage Cheat
    Sheet names, at a fifth of the memory that Django takes. Older hashes are replaced at log-in."""

    memory_cost = 19 * 1024  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        return super().encode(normalise(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        return super().verify(normalise(password), encoded)


def normalise(password: str) -> str:
    """The one form in which passwords are hashed: a phone and a desktop may send "é" in two.

    NFC, and a plain space for any other: OpaqueString of RFC 8265, 4.2.2. NFKC would merge more
    passwords, such as "²" and "2".
    """
    spaced = "".join(" " if unicodedata.category(one) == "Zs" else one for one in password)
    return unicodedata.normalize("NFC", spaced)


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

    def replace(right: str) -> None:
        upgrade(make_password(right))

    with _in_turn():
        return any(check_password(form, encoded, replace) for form in _forms(password, encoded))


def _forms(password: str | None, encoded: str) -> Iterable[str | None]:
    """A hash of an older kind was made of the form that was sent: two are tried at most."""
    is_old = is_password_usable(encoded) and not encoded.startswith("argon2$")
    if password is None or not is_old:
        return [password]
    return dict.fromkeys([password, normalise(password)])


@contextmanager
def _in_turn() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise ServerBusy
    try:
        if not _turn.acquire(timeout=settings.TIME_LIMITS.password_turn):
            raise ServerBusy
        try:
            yield
        finally:
            _turn.release()
    finally:
        _places.release()
