from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed.events import relay
from newsfeed.events.models import OutboxEvent
from newsfeed.mysql.transactions import DEADLOCK, LOCK_WAIT_TIMEOUT, RETRIES, transactional
from tests.deadline import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LOCK = "SELECT id FROM users WHERE id = %s FOR UPDATE"


@pytest.fixture
def other(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """A second connection to the database, in a transaction of its own."""
    with closing(connection.copy()) as other:
        other.set_autocommit(False)
        yield other
        other.rollback()


def _rows(database: BaseDatabaseWrapper, sql: str, user: User) -> list[tuple[int, ...]]:
    with database.cursor() as cursor:
        cursor.execute(sql, [user.pk])
        return list(cursor.fetchall())


def _path(user: User) -> str:
    return f"/api/v1/users/{user.pk}/follow/"


def test_two_who_deadlock_both_succeed_and_each_hook_runs_once(alice: User, bob: User) -> None:
    barrier, runs, hook = Barrier(2), Mock(), Mock()

    @transactional
    def rename(first: User, second: User) -> None:
        runs()
        transaction.on_commit(hook)
        User.objects.filter(pk=first.pk).update(display_name=f"before {second}")
        if runs.call_count <= 2:
            barrier.wait(60)
        User.objects.filter(pk=second.pk).update(display_name=f"after {first}")

    def run(pair: tuple[User, User]) -> None:
        try:
            rename(*pair)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run, [(alice, bob), (bob, alice)]))
    assert (runs.call_count, hook.call_count) == (3, 2)
    names = set(User.objects.values_list("display_name", flat=True))
    assert names in ({"before bob", "after alice"}, {"before alice", "after bob"})


def test_a_follow_that_meets_a_deadlock_is_made_once(
    as_alice: APIClient,
    alice: User,
    bob: User,
    other: BaseDatabaseWrapper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = Mock()
    monkeypatch.setattr(relay, "publish_inline", publish)

    def follow() -> int:
        try:
            return as_alice.post(_path(bob)).status_code
        finally:
            connection.close()

    # Who has written less is the one that MySQL gives up.
    with other.cursor() as cursor:
        cursor.execute("UPDATE users SET display_name = 'Bobby' WHERE id = %s", [bob.pk])
    with ThreadPoolExecutor(1) as threads:
        status = threads.submit(follow)
        wait_until(lambda: not _rows(connection, f"{LOCK} SKIP LOCKED", alice), 60, "it has alice")
        _rows(other, LOCK, alice)
        other.commit()
        assert status.result(60) == 201
    assert (publish.call_count, OutboxEvent.objects.count()) == (1, 1)


def test_a_lock_that_stays_is_asked_for_four_times_and_then_unavailable(
    as_alice: APIClient, alice: User, bob: User, other: BaseDatabaseWrapper
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1")
    _rows(other, LOCK, alice)
    asked = Mock(side_effect=lambda execute, *query: execute(*query))
    with connection.execute_wrapper(asked):
        response = as_alice.post(_path(bob))
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert sum("FOR UPDATE" in str(call) for call in asked.mock_calls) == 1 + RETRIES
    other.rollback()
    assert as_alice.post(_path(bob)).status_code == 201
    connection.close()  # and with it the timeout


@pytest.mark.parametrize(
    ("code", "runs"), [(DEADLOCK, 4), (LOCK_WAIT_TIMEOUT, 4), (2013, 1), (1040, 1)]
)
def test_only_what_mysql_gives_up_is_run_again(code: int, runs: int) -> None:
    fails = Mock(side_effect=OperationalError(code, ""), __name__="fails")
    with pytest.raises(OperationalError):
        transactional(fails)()
    assert fails.call_count == runs


def test_a_part_of_a_transaction_is_not_run_again_alone(alice: User) -> None:
    fails = Mock(side_effect=OperationalError(DEADLOCK, ""), __name__="fails")
    with pytest.raises(OperationalError), transaction.atomic():
        transactional(fails)()
    assert fails.call_count == 1


def test_what_is_committed_is_not_run_again_for_a_hook_that_fails(alice: User) -> None:
    @transactional
    def rename() -> None:
        runs()
        transaction.on_commit(Mock(side_effect=OperationalError(DEADLOCK, "")))
        User.objects.filter(pk=alice.pk).update(display_name="renamed")

    runs = Mock()
    with pytest.raises(OperationalError):
        rename()
    assert runs.call_count == 1
    assert User.objects.filter(display_name="renamed").exists()
