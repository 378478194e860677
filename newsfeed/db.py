"""Transactions that MySQL gives up are run again.

A deadlock, or a lock waited for too long, says nothing against the change: the MySQL manual ("How
to Minimize and Handle Deadlocks") tells applications to run the whole transaction once more.
"""

import logging
import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

LOCK_WAIT_TIMEOUT = 1205
DEADLOCK = 1213
RETRIES = 3
MAX_PAUSE_SECONDS = 0.05


class _GivenUp(Exception):
    """MySQL gave up what the function asked for, before anything was committed."""


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


def _attempt(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Inside `atomic`: what a hook raises after the commit must not run the function again."""
    try:
        return work(*args, **kwargs)
    except OperationalError as error:
        if error.args[0] in (LOCK_WAIT_TIMEOUT, DEADLOCK):
            raise _GivenUp(error) from error
        raise
