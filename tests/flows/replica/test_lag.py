"""While the replica lags nobody can tell."""

import pytest

from tests.client import Person, sign_up
from tests.flows.replica.api import Api, ids_of, stored_ids, write_posts
from tests.replicated_mariadb import Pair

POSTS = 45


def test_one_reads_what_one_has_written_while_the_replica_lags(api: Api, pair: Pair) -> None:
    (alice,) = api.people(1)
    bob = sign_up(api.url, f"bob_{alice.id}")
    with pair.lagging():
        bob.done(200, "PATCH", "/users/me/", {"display_name": "Robert"})
        assert bob.done(200, "GET", "/users/me/")["display_name"] == "Robert"
        post_id = bob.posts("안녕")
        assert bob.done(200, "GET", f"/posts/{post_id}/")["content"] == "안녕"
        assert ids_of(bob.done(200, "GET", f"/users/{bob.id}/posts/")) == [post_id]
        bob.follows(alice)
        assert bob.done(200, "GET", f"/users/{alice.id}/")["followed_by_me"]
        assert ids_of(bob.done(200, "GET", f"/users/{bob.id}/following/")) == [alice.id]
        assert not pair.has_caught_up()
    api.returns_to_replica(bob)
    assert bob.done(200, "GET", f"/users/{alice.id}/")["followed_by_me"]


def test_what_is_deleted_hidden_or_unfollowed_is_not_shown_while_the_replica_lags(
    api: Api, pair: Pair
) -> None:
    bob, alice, carol, dave = api.people(4)
    for author in (alice, carol, dave):
        bob.follows(author)
    hidden, deleted, kept = write_posts(api, alice, 3)
    others = [write_posts(api, author, 1)[0] for author in (carol, dave)]
    assert sorted(bob.feed_ids()) == sorted([kept, deleted, hidden, *others])
    with pair.lagging():
        alice.deletes(deleted)
        api.database.rows("UPDATE posts SET hidden_at = NOW(6) WHERE id = %s", hidden)
        bob.unfollows(carol)
        api.database.rows("UPDATE users SET is_active = 0 WHERE id = %s", dave.id)
        for _ in range(8):  # before the breaker opens, and behind it
            assert bob.feed_ids() == [kept]
            assert ids_of(bob.done(200, "GET", f"/users/{alice.id}/posts/")) == [kept]
            bob.done(404, "GET", f"/posts/{deleted}/")
            bob.done(404, "GET", f"/posts/{hidden}/")
            bob.done(404, "GET", f"/users/{dave.id}/")
        seen = "SELECT COUNT(*) FROM posts WHERE id IN (%s, %s) AND deleted_at IS NULL"
        assert pair.replica.database.rows(f"{seen} AND hidden_at IS NULL", deleted, hidden) == [
            (2,)
        ]
    api.returns_to_replica(bob)
    assert bob.feed_ids() == [kept]


def test_a_feed_that_is_rebuilt_while_the_replica_lags_holds_every_post(
    api: Api, pair: Pair
) -> None:
    bob, alice = api.people(2)
    bob.follows(alice)
    with pair.lagging():
        ids = write_posts(api, alice, 5)
        assert bob.feed_ids() == ids
        assert stored_ids(api, bob) == set(ids)


@pytest.mark.parametrize("source", ["redis", "mysql"])
def test_pages_concatenate_to_the_truth_whether_the_replica_lags_or_not(
    api: Api, pair: Pair, source: str
) -> None:
    bob, alice, carol = api.people(3)
    for author in (alice, carol):
        bob.follows(author)
        write_posts(api, author, POSTS // 2)
    with pair.lagging():
        write_posts(api, alice, POSTS // 2)
        assert _walk(api, bob, source) == api.database.feed_of(bob.id)
    api.returns_to_replica(bob)
    before = api.served("replica")
    assert _walk(api, bob, source) == api.database.feed_of(bob.id)
    assert api.served("replica") > before


def _walk(api: Api, person: Person, source: str) -> list[int]:
    ids = []
    for page in person.feed_pages(limit=7):
        if source == "mysql":  # somebody builds the feed, so that pages come from MySQL
            api.redis.delete(f"feed:{person.id}")
            api.redis.zadd(f"feed:{person.id}", {"~": -1})
        ids += page
    return ids


def test_an_ended_session_is_refused_while_the_replica_lags(api: Api, pair: Pair) -> None:
    (alice,) = api.people(1)
    bob = sign_up(api.url, f"bob_{alice.id}")
    bob.done(200, "GET", "/users/me/")
    with pair.lagging():
        bob.done(204, "POST", "/auth/logout/")
        for _ in range(2):
            bob.done(401, "GET", "/users/me/")
            api.redis.flushdb()  # MySQL alone knows
