"""A replica that cannot be read is not read, and no request fails."""

import signal

import pytest

from tests.client import Person
from tests.flows.replica.api import Api, ids_of, write_posts
from tests.gunicorn import Gunicorn
from tests.replicated_mariadb import Pair


def test_a_replica_that_is_killed_or_stands_still_fails_no_read(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    ids = write_posts(api, alice, 5)
    pair.replica.kill()
    _reads_well(bob, alice, ids)
    pair.replica.start()
    api.returns_to_replica(bob)
    pair.replica.process.send_signal(signal.SIGSTOP)
    try:
        _reads_well(bob, alice, ids)
    finally:
        pair.replica.process.send_signal(signal.SIGCONT)
    api.returns_to_replica(bob)


def _reads_well(person: Person, author: Person, ids: list[int]) -> None:
    for _ in range(4):
        assert person.feed_ids() == ids
        assert person.done(200, "GET", f"/users/{author.id}/")["post_count"] == len(ids)


def test_a_read_that_fails_on_the_replica_is_the_primarys(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    pair.wait()
    pair.replica.database.rows("RENAME TABLE follows TO follows_away")
    try:
        before = api.served("primary")
        assert ids_of(bob.done(200, "GET", f"/users/{bob.id}/following/")) == [alice.id]
        assert api.served("primary") == before + 1
    finally:
        pair.replica.database.rows("RENAME TABLE follows_away TO follows")
    path = f"/users/{bob.id}/following/"
    pages = api.undisturbed(bob, lambda: bob.done(200, "GET", path))
    assert all(ids_of(page) == [alice.id] for page in pages)


def test_without_a_binary_log_nobody_knows_how_far_a_replica_is_so_it_is_not_read(
    api: Api, pair: Pair, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    (bob,) = api.people(1)
    pair.wait()
    swapped = {"DATABASE_URL": pair.replica.url, "DATABASE_REPLICA_URL": pair.primary.url}
    gunicorn = Gunicorn(tmp_path_factory.mktemp("swapped"), **env | swapped)
    gunicorn.start()
    try:
        gunicorn.wait_until_ready()
        bob.url = f"http://127.0.0.1:{gunicorn.port}"
        bob.done(200, "GET", "/users/me/")
        assert "the primary has no binary log with GTIDs" in gunicorn.log()
    finally:
        gunicorn.end()
