"""Reads that a replica of MySQL answers, but only once it holds all that the primary had committed.

Before the first query of such a request the primary is asked how far its binary log goes, and the
replica is waited for until it has applied that: Raft's read index (Ongaro, "Consensus: Bridging
Theory and Practice", 2014, section 6.4), with GTIDs for indexes. A replica that needs longer than
MAX_WAIT_SECONDS, fails or is away is not used: the primary answers instead.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from prometheus_client import Counter

from newsfeed.breaker import Breaker, BreakerOpen

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

ALIAS = "replica"
MAX_WAIT_SECONDS = 0.05
# A busy replica may miss a wait now and then; of one that hangs, three reads in six are enough.
breaker = Breaker("replica", slow_seconds=0.2, window=6)
READS = Counter(
    "feed_db_reads_total", "Requests that a replica may answer, by what did.", ["source"]
)
for _source in ("primary", ALIAS):
    READS.labels(_source)

# Each as (position of the primary, or nothing if its transactions get no GTIDs; 0 when a replica
# is there).
_MARIADB = "SELECT IF(@@log_bin, @@gtid_binlog_pos, '')", "SELECT MASTER_GTID_WAIT(%s, %s)"
_MYSQL = (
    "SELECT IF(@@GLOBAL.gtid_mode = 'ON', @@GLOBAL.gtid_executed, '')",
    "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)",
)


class _NotCaughtUp(Exception):
    """The replica lags, or does not answer."""


class _Reads:
    """Where a request reads. Decided by its first query: one that asks nothing waits for nobody."""

    alias: str | None = None

    def decide(self) -> str:
        if self.alias is None:
            self.alias = ALIAS if _has_caught_up() else DEFAULT_DB_ALIAS
        return self.alias


_reads: ContextVar[_Reads | None] = ContextVar("reads", default=None)


class Router:
    """The replica inside `may_read_replica`, and the primary for everything else."""

    def db_for_read(self, model: object, **hints: object) -> str:
        reads = _reads.get()
        if reads is None or connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return DEFAULT_DB_ALIAS
        return reads.decide()

    def db_for_write(self, model: object, **hints: object) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: object, other: object, **hints: object) -> bool:
        """Rows of the two are of one database."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == DEFAULT_DB_ALIAS


def may_read_replica(get: Callable[P, R]) -> Callable[P, R]:
    """For the handlers of GET: their queries may go to the replica, if there is one.

    One that fails there runs again on the primary, so it must write nothing, or what may be
    written twice, and return only when it has read everything.
    """

    @wraps(get)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if ALIAS not in settings.DATABASES:
            return get(*args, **kwargs)
        with _one_request() as reads:
            try:
                return get(*args, **kwargs)
            except Error as error:
                if reads.alias != ALIAS:
                    raise
                logger.warning("read again, from the primary: %r", error)
                reads.alias = DEFAULT_DB_ALIAS
            return get(*args, **kwargs)

    return run


@contextmanager
def on_primary() -> Iterator[None]:
    """For what has to see commits up to now, not just up to the request's first query."""
    token = _reads.set(None)
    try:
        yield
    finally:
        _reads.reset(token)


@contextmanager
def _one_request() -> Iterator[_Reads]:
    reads = _Reads()
    token = _reads.set(reads)
    try:
        yield reads
    finally:
        _reads.reset(token)
        if reads.alias:
            READS.labels(ALIAS if reads.alias == ALIAS else "primary").inc()


def _has_caught_up() -> bool:
    """Raises what the primary raises."""
    try:
        with breaker.guard():
            _wait_for_replica()
    except BreakerOpen:
        return False
    except _NotCaughtUp as error:
        logger.warning("reads go to the primary: %s", error)
        return False
    return True


def _wait_for_replica() -> None:
    is_mariadb = connections[DEFAULT_DB_ALIAS].mysql_is_mariadb  # type: ignore[attr-defined]
    position_now, wait = _MARIADB if is_mariadb else _MYSQL
    position = _ask(DEFAULT_DB_ALIAS, position_now)
    if not position:
        raise _NotCaughtUp("the primary has no binary log with GTIDs")
    try:
        is_behind = _ask(ALIAS, wait, position, MAX_WAIT_SECONDS)
    except Error as error:
        raise _NotCaughtUp(repr(error)) from error
    if is_behind != 0:
        raise _NotCaughtUp(f"the replica has not reached {position} in {MAX_WAIT_SECONDS} s")


def _ask(alias: str, sql: str, *values: str | float) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]
