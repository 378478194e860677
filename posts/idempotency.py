"""Keeps the answers to POSTs that came with an Idempotency-Key, for 24 hours.

An answer is written in the transaction of its post, so there is no key without a post and no post
without its key. While that transaction is open, the unique index makes another one with the same
key wait. No row says "running": of a process that is killed, nothing is left to wait for.
"""

from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import OperationalError
from django.utils import timezone

from newsfeed.api.exceptions import IdempotencyKeyReused, RequestStillRunning
from newsfeed.api.idempotency import RequestKey
from newsfeed.api.json import JSONRenderer
from newsfeed.mysql.transactions import LOCK_WAIT_TIMEOUT, transactional
from posts.models import IdempotencyKey

LIFETIME = timedelta(hours=24)
SWEEP = 10
"""With each row that comes in up to ten expired ones go, so the table never holds much more than
what came in a day."""


def find_answer(user_id: int, key: RequestKey) -> dict[str, Any] | None:
    """The answer to the request this one repeats. Raises IdempotencyKeyReused for another body.

    A row that has expired is removed: its key is new again.
    """
    row = IdempotencyKey.objects.filter(user_id=user_id, key=key.value).first()
    if row is None:
        return None
    if row.created_at <= _expiry():
        row.delete()
        return None
    if row.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused
    answer: dict[str, Any] = orjson.loads(row.answer)
    return answer


def keep_answer(user_id: int, key: RequestKey, answer: dict[str, Any]) -> None:
    """For `find_answer`, if the transaction commits.

    Raises RequestStillRunning when another transaction has the key for too long, and
    IntegrityError when it has committed.
    """
    row = IdempotencyKey(user_id=user_id, key=key.value, fingerprint=key.fingerprint)
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
    """Up to `limit` answers that somebody was given, whose token is dead; how many it were."""
    answers = IdempotencyKey.objects.filter(user_id=user_id)
    ids = list(answers.values_list("pk", flat=True)[:limit])
    IdempotencyKey.objects.filter(pk__in=ids).delete()
    return len(ids)


def _sweep() -> None:
    """Skips what others are removing, so that posts do not wait for each other."""
    expired = IdempotencyKey.objects.filter(created_at__lte=_expiry()).order_by("created_at")
    ids = expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:SWEEP]
    IdempotencyKey.objects.filter(pk__in=list(ids)).delete()


def _expiry() -> datetime:
    return timezone.now() - LIFETIME
