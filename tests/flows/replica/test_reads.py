"""With DATABASE_REPLICA_URL the API reads from the replica."""

from collections.abc import Iterator

import pytest

from tests.flows.replica.api import CAP, Api, stored_ids, write_posts
from tests.replicated_mariadb import Pair

READS = 10


def test_a_profile_comes_from_the_replica(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    pair.wait()
    change = "UPDATE users SET display_name = 'seen in the copy' WHERE id = %s"
    pair.replica.database.rows(change, alice.id)
    assert bob.done(200, "GET", f"/users/{alice.id}/")["display_name"] == "seen in the copy"


def test_each_read_of_the_api_is_the_replicas_and_costs_the_primary_one_query(
    api: Api, pair: Pair
) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    post_id, *_ = write_posts(api, alice, 5)
    (name,) = api.database.rows("SELECT username FROM users WHERE id = %s", alice.id)[0]
    paths = [f"/users/{alice.id}/{of}" for of in ("", "posts/", "followers/", "following/")]
    paths += ["/users/me/", f"/users/?username={name}", f"/posts/{post_id}/", "/feed/"]
    for path in paths:
        bob.done(200, "GET", path)  # the first rebuilds the feed, and fetches the session
        before = api.served("replica"), api.served("primary"), pair.primary.selects()
        for _ in range(READS):
            bob.done(200, "GET", path)
        after = api.served("replica"), api.served("primary"), pair.primary.selects()
        replica, primary, selects = (b - a for a, b in zip(before, after, strict=True))
        assert (replica, primary) == (READS, 0), path
        # Now and then one more asks for revoked tokens, or for new keys.
        assert READS <= selects < 1.5 * READS, path


def test_a_warm_page_costs_the_replica_two_queries(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    write_posts(api, alice, 10)
    assert len(bob.feed_ids()) == 10
    before = pair.replica.selects()
    for _ in range(5):
        assert len(bob.feed_ids()) == 10
    assert pair.replica.selects() - before == 10  # has it caught up, and the posts


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
    before = api.served("replica")
    while ids:
        api.database.rows("UPDATE posts SET deleted_at = NOW(6) WHERE id = %s", ids.pop(0))
        assert bob.feed_ids() == ids
    assert api.served("replica") > before


def test_a_feed_is_rebuilt_from_the_primary(api: Api, pair: Pair) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    ids = write_posts(api, alice, 5)
    pair.wait()
    hide = "UPDATE posts SET hidden_at = NOW(6) WHERE id = %s"
    pair.replica.database.rows(hide, ids[2])
    assert bob.feed_ids() == [*ids[:2], *ids[3:]]  # what is shown is the replica's word
    assert stored_ids(api, bob) == set(ids)
    pair.replica.database.rows(hide.replace("NOW(6)", "NULL"), ids[2])
