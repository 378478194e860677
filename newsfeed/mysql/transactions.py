"""Transactions that MySQL gives up are run again.

A deadlock, or a lock waited for too long, says nothing against the change: the MySQL manual ("How
to Minimize and Handle Deadlocks") tells applications to run the whole transaction once more.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

LOCK_WAIT_TIMEOUT = 1205
DEADLOCK = 1213
READ_ONLY = 1290
CLIENT_CODES = range(2000, 3000)
"""Of the driver, when it cannot reach the server or has lost it."""
OUTAGES = {
    *(1015, 1021, 1026, 1030, 1037, 1038, 1041, 1114, 1135),  # no disk, memory or thread left
    *(1040, 1203, 1226),  # too many connections
    *(1042, 1043, 1129, 1130, 1158, 1159, 1160, 1161, 1184),  # the network, or who may come in
    *(1044, 1045, 1049, 1698),  # nobody may come in: an account or a database is missing
    *(1053, 1077, 1079, 1927, 3032, 3168),  # the server stops, or has ended the connection
    *(1180, 1181, LOCK_WAIT_TIMEOUT, 1206, DEADLOCK, 1317, 1637, 1969, 3024, 3572),  # given up
    *(READ_ONLY, 1792, 1836),  # a primary that has become a replica
}
"""Codes of MySQL and MariaDB ("Server Error Message Reference") for which the statement is not to
blame. For other OperationalErrors it is: an unknown column, a bad pattern."""
RETRIES = 3
MAX_PAUSE_SECONDS = 0.05


class _GivenUp(Exception):
    """MySQL gave up what the function asked for, before anything was committed."""


def is_outage(error: object) -> bool:
    """Whether the server, the connection or the transaction failed, and not the statement."""
    if isinstance(error, OperationalError):
        code = error.args[0] if error.args else None
        return not isinstance(code, int) or code in OUTAGES or code in CLIENT_CODES
    return isinstance(error, InterfaceError)


def transactional(work: Callable[P, R]) -> Callable[P, R]:
    """Runs the function in a transaction, and up to three times more when MySQL gives that up.

    Inside another transaction it runs once, as a part of it: only who began the whole can repeat
    the whole. Raises what the last run raises.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(0 if connection.in_atomic_block else RETRIES):
            try:
                with transaction.atomic():
                    return _attempt(work, *args, **kwargs)
            except _GivenUp as error:
                logger.warning("%s is run again: %s", work.__name__, error)
                # So that two who met do not meet again.
                time.sleep(random.uniform(0, MAX_PAUSE_SECONDS))  # noqa: S311 (not a secret) # nosec B311
        with transaction.atomic():
            return work(*args, **kwargs)

    return run


@contextmanager
def named_lock(name: str) -> Iterator[bool]:
    """Takes the lock of this name (64 characters at most) for the block. Yields whether it is ours.

    Does not wait. The lock belongs to the connection to the primary, so it ends when the process
    dies, and needs no expiry.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", [name])
        (is_held,) = cursor.fetchone()
    try:
        yield bool(is_held)
    finally:
        if is_held:
            with connection.cursor() as cursor:
                cursor.execute("DO RELEASE_LOCK(%s)", [name])


def _attempt(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Inside `atomic`: what a hook raises after the commit must not run the function again."""
    try:
        return work(*args, **kwargs)
    except OperationalError as error:
        if error.args[0] in (LOCK_WAIT_TIMEOUT, DEADLOCK):
            raise _GivenUp(error) from error
        raise
