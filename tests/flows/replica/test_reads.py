"""With DATABASE_REPLICA_URL the API reads from the replica."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.client import Person
from tests.flows.replica.api import CAP, Api, stored_ids, write_posts
from tests.replicated_mariadb import Pair

READS = 10


def test_a_profile_comes_from_the_replica(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    pair.wait()
    change = "UPDATE users SET display_name = 'seen in the copy' WHERE id = %s"
    pair.replica.database.rows(change, alice.id)
    profiles = api.undisturbed(bob, lambda: bob.done(200, "GET", f"/users/{alice.id}/"))
    assert {profile["display_name"] for profile in profiles} == {"seen in the copy"}


def test_each_read_of_the_api_is_the_replicas_and_costs_the_primary_one_query(
    api: Api, pair: Pair
) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    post_id, *_ = write_posts(api, alice, 5)
    (name,) = api.database.rows("SELECT username FROM users WHERE id = %s", alice.id)[0]
    paths = [f"/users/{alice.id}/{of}" for of in ("", "posts/", "followers/", "following/")]
    paths += ["/users/me/", f"/users/?username={name}", f"/posts/{post_id}/", "/feed/"]
    pair.wait()
    for path in paths:
        bob.done(200, "GET", path)  # the first rebuilds the feed, and fetches the session
        costs = api.undisturbed(bob, partial(_cost_of_reads, api, pair, bob, path))
        assert {reads for reads, _ in costs} == {READS}, path
        # Now and then one more asks for revoked tokens, or for new keys.
        assert READS <= min(selects for _, selects in costs) < 2 * READS, path


def _cost_of_reads(api: Api, pair: Pair, person: Person, path: str) -> tuple[int, int]:
    """How many the replica has served, and how much the primary was asked."""
    before = api.served("replica"), pair.primary.selects()
    for _ in range(READS):
        person.done(200, "GET", path)
    return api.served("replica") - before[0], pair.primary.selects() - before[1]


def test_a_warm_page_costs_the_replica_two_queries(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    write_posts(api, alice, 10)
    pair.wait()
    assert len(bob.feed_ids()) == 10

    def cost_of_pages() -> int:
        before = pair.replica.selects()
        for _ in range(READS):
            assert len(bob.feed_ids()) == 10
        return pair.replica.selects() - before

    costs = api.undisturbed(bob, cost_of_pages)
    assert min(costs) == 2 * READS  # has it caught up, and the posts


@pytest.fixture
def slow_replica(pair: Pair) -> Iterator[None]:
    """It needs 30 ms for each post that changes: a read is there sooner, and waits longer."""
    run = pair.replica.database.rows
    pair.wait()
    run("SET GLOBAL slave_run_triggers_for_rbr = YES")
    run("CREATE TRIGGER slow BEFORE UPDATE ON posts FOR EACH ROW SET @slept = SLEEP(0.03)")
    yield
    pair.wait()
    run("DROP TRIGGER slow")
    run("SET GLOBAL slave_run_triggers_for_rbr = NO")


def test_a_read_waits_for_a_replica_that_is_a_moment_behind(api: Api, slow_replica: None) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    ids = write_posts(api, alice, CAP)
    assert bob.feed_ids() == ids
    from_replica = 0
    while ids:
        api.returns_to_replica(bob)
        before = api.served("replica")
        api.database.rows("UPDATE posts SET deleted_at = NOW(6) WHERE id = %s", ids.pop(0))
        assert bob.feed_ids() == ids
        from_replica += api.served("replica") - before
    assert from_replica


def test_a_feed_is_rebuilt_from_the_primary(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    ids = write_posts(api, alice, 5)
    pair.wait()
    hide = "UPDATE posts SET hidden_at = NOW(6) WHERE id = %s"
    pair.replica.database.rows(hide, ids[2])
    shown = api.undisturbed(bob, bob.feed_ids)
    assert all(page == [*ids[:2], *ids[3:]] for page in shown)  # the replica's word
    assert stored_ids(api, bob) == set(ids)
    pair.replica.database.rows(hide.replace("NOW(6)", "NULL"), ids[2])
