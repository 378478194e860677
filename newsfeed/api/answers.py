"""Stored answers to POSTs with an Idempotency-Key, for 24 hours.

An answer is written in the transaction of what the POST creates, so there is no key without an
object and no object without its key. While that transaction is open, the unique index makes another
one with the same key wait. No row says "running": of a process that is killed, nothing is left to
wait for.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from newsfeed.api.exceptions import IdempotencyKeyReused, RequestStillRunning
from newsfeed.api.json import JSONRenderer
from newsfeed.api.models import IdempotencyKey
from newsfeed.mysql.keyset import delete_some
from newsfeed.mysql.transactions import LOCK_WAIT_TIMEOUT, transactional

LIFETIME = timedelta(hours=24)
SWEEP = 10
"""Each new row deletes up to ten expired ones, so the table never holds much more than a day's."""


class RequestKey(NamedTuple):
    value: str
    path: str
    fingerprint: str
    """SHA-256 of the body, in hex: another body needs another key."""


def answer_once(
    user_id: int, key: RequestKey, create: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """The answer, and whether it is that of an earlier request with this key.

    `create` runs in the transaction that stores its answer. Raises IdempotencyKeyReused,
    RequestStillRunning, and whatever `create` raises.
    """
    first = _find_answer(user_id, key)
    if first is not None:
        return first, True
    try:
        return _create_and_keep(user_id, key, create), False
    except IntegrityError:  # the other one of two at once was first
        first = _find_answer(user_id, key)
        if first is None:
            raise
        return first, True


@transactional
def _create_and_keep(
    user_id: int, key: RequestKey, create: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    answer = create()
    store_answer(user_id, key, answer)
    return answer


def _find_answer(user_id: int, key: RequestKey) -> dict[str, Any] | None:
    """Raises IdempotencyKeyReused if the key came with another request.

    An expired row is deleted, so its key is new again.
    """
    row = IdempotencyKey.objects.filter(user_id=user_id, key=key.value).first()
    if row is None:
        return None
    if row.created_at <= _expiry():
        row.delete()
        return None
    if row.path not in ("", key.path) or row.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused
    answer: dict[str, Any] = orjson.loads(row.answer)
    return answer


def store_answer(user_id: int, key: RequestKey, answer: dict[str, Any]) -> None:
    """Raises RequestStillRunning when another transaction holds the key for too long, and
    IntegrityError when it has committed.
    """
    row = IdempotencyKey(user_id=user_id, key=key.value, path=key.path, fingerprint=key.fingerprint)
    row.answer = JSONRenderer().render(answer).decode()
    try:
        row.save(force_insert=True)
    except OperationalError as error:
        if error.args[0] == LOCK_WAIT_TIMEOUT:
            raise RequestStillRunning from error
        raise
    _sweep()


@transactional
def forget_answers(user_id: int, *, limit: int) -> int:
    """Deletes up to `limit` answers of a deleted user. Returns the number deleted."""
    return delete_some(IdempotencyKey.objects.filter(user_id=user_id), limit)


def _sweep() -> None:
    """Skips rows that others are deleting, so that requests do not wait for each other."""
    expired = IdempotencyKey.objects.filter(created_at__lte=_expiry()).order_by("created_at")
    delete_some(expired.select_for_update(skip_locked=True), SWEEP)


def _expiry() -> datetime:
    return timezone.now() - LIFETIME
