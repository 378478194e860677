"""Bugs of transactions, and of reads from a replica."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

from django.db import OperationalError, transaction

from tests.faults.mutants.patch import Patch
from tests.faults.mutants.registry import mutant

STAYING_LOCK = (
    "newsfeed/tests/test_db.py::test_a_lock_that_stays_is_asked_for_four_times_and_then_unavailable"
)
LAG = "tests/flows/replica/test_lag.py"
READS = "tests/flows/replica/test_reads.py"


@mutant(
    breaks="I6: a change that MySQL has given up for good is answered as if it were made",
    killed_by=(STAYING_LOCK,),
)
def failed_transaction_answered(patch: Patch) -> None:
    careless = SimpleNamespace(atomic=_careless_atomic)
    patch.set("newsfeed.mysql.transactions:transaction", careless)


@contextmanager
def _careless_atomic() -> Iterator[None]:
    with suppress(OperationalError), transaction.atomic():
        yield


@mutant(
    breaks="I4: a post that was deleted a moment ago is shown, as a replica is behind",
    killed_by=(
        f"{LAG}::test_what_is_deleted_hidden_or_unfollowed_is_not_shown_while_the_replica_lags",
        f"{READS}::test_a_read_waits_for_a_replica_that_is_a_moment_behind",
    ),
)
def replica_not_asked(patch: Patch) -> None:
    wait = "_ask(ALIAS, wait, position, MAX_WAIT_SECONDS)"
    patch.edit("newsfeed.mysql.replica:_wait_for_replica", {wait: "0"})


@mutant(
    breaks="I1: a feed rebuilt from a replica lacks what came after the request's first query",
    killed_by=(f"{READS}::test_a_feed_is_rebuilt_from_the_primary",),
)
def snapshot_of_the_replica(patch: Patch) -> None:
    patch.edit("feeds.services:take_snapshot", {"with on_primary():": "if True:"})


@mutant(
    breaks="I9: a session that its user has ended still works, as a replica is behind",
    killed_by=(f"{LAG}::test_an_ended_session_is_refused_while_the_replica_lags",),
)
def sessions_from_the_replica(patch: Patch) -> None:
    unless_decided = "if reads is None and ALIAS in settings.DATABASES:\n    return ALIAS"
    in_block = "if reads is None or connections[DEFAULT_DB_ALIAS].in_atomic_block:"
    router = "newsfeed.mysql.replica:Router.db_for_read"
    patch.edit(router, {in_block: f"{unless_decided}\n{in_block}"})
