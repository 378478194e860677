"""An account that is deleted with all that it leaves, and what its owner takes along."""

import json
from http.client import IncompleteRead

import pytest

from tests.client import PASSWORD, Person
from tests.deadline import wait_until
from tests.running import Service

POSTS = 2_500
FOLLOWERS = 6_000
ONLINE = 100
LEFT = """
    SELECT (SELECT COUNT(*) FROM posts
            WHERE user_id = %s AND (deleted_at IS NULL OR content <> ''))
        + (SELECT COUNT(*) FROM follows WHERE followee_id = %s)
        + (SELECT COUNT(*) FROM follows WHERE follower_id = %s)
        + (SELECT COUNT(*) FROM auth_refresh_tokens WHERE user_id = %s)
        + (SELECT COUNT(*) FROM posts_idempotency_keys WHERE user_id = %s)
"""


@pytest.fixture
def followers(service: Service, alice: Person) -> list[int]:
    """They follow alice, who has many posts, and somebody else; she follows a third of them."""
    *followers, other = service.database.add_users(FOLLOWERS + 1)
    service.database.add_posts((alice.id, f"post {n}") for n in range(POSTS))
    service.database.add_follows((follower, alice.id) for follower in followers)
    service.database.add_follows((follower, other) for follower in followers)
    service.database.add_follows((alice.id, followee) for followee in followers[::3])
    return followers


def _left(service: Service, person: Person) -> int:
    return int(service.database.rows(LEFT, *[person.id] * 5)[0][0])


def test_a_consumer_killed_amid_the_deletion_of_an_account_leaves_nothing_of_it(
    service: Service, alice: Person, bob: Person, followers: list[int]
) -> None:
    bob.follows(alice)
    kept = service.person(followers[-1] + 1).posts("of somebody else")
    newest = alice.call("POST", "/posts/", {"content": "the last"}, key="once").body["id"]
    service.wait_for_rest()
    online = [bob.id, *followers[-ONLINE:]]  # by id, the first and the last to be served
    service.warm(online[1:])
    assert newest in bob.feed_ids()
    assert service.holds_everywhere(online, newest)
    pid, everything = service.stack.pid("consumer"), _left(service, alice)
    assert everything > POSTS + FOLLOWERS

    _delete_account(alice)
    assert bob.feed_ids() == []
    bob.done(404, "GET", f"/users/{alice.id}/posts/")
    wait_until(lambda: _stops_amid(service, alice), 60, "the posts and some follows are gone")
    service.stack.signal("consumer", "KILL")
    assert service.feeds_holding(online, newest)

    # The group waits out the session of the dead member, 6 s.
    wait_until(lambda: not _left(service, alice), 60, "all is gone", lambda: _left(service, alice))
    service.wait_for_rest()
    assert service.stack.pid("consumer") not in (0, pid)
    assert not service.feeds_holding(online, newest)
    assert service.holds_everywhere(online[1:], kept)
    assert service.person(online[-1]).feed_ids() == [kept]


def _stops_amid(service: Service, person: Person) -> bool:
    """Stops the consumer if it has deleted the posts, and some of what comes after them."""
    service.stack.signal("consumer", "STOP")
    is_amid = _left(service, person) < FOLLOWERS
    if not is_amid:
        service.stack.signal("consumer", "CONT")
    return is_amid


def _delete_account(person: Person) -> None:
    """With the wrong password nothing happens, with the right one all tokens are dead."""
    for password, status, then in (("wrong", 400, 200), (PASSWORD, 204, 401)):
        person.done(status, "DELETE", "/users/me/", {"password": password})
        assert person.call("GET", "/users/me/").status == then


def test_who_has_deleted_the_account_cannot_log_in(service: Service, alice: Person) -> None:
    [(name,)] = service.database.rows("SELECT username FROM users WHERE id = %s", alice.id)

    def log_in(password: str) -> tuple[int, object]:
        form = {"username": name, "password": password}
        answer = Person(service.url).call("POST", "/auth/login/", form)
        return answer.status, answer.body

    refusal = log_in("wrong")
    assert log_in(PASSWORD)[0] == 200
    _delete_account(alice)
    assert log_in(PASSWORD) == log_in("wrong") == refusal


def test_everything_can_be_taken_along(
    service: Service, alice: Person, followers: list[int]
) -> None:
    answer = alice.call("GET", "/users/me/export/")
    assert answer.status == 200
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    contents = [post["content"] for post in answer.body["posts"]]
    assert contents == [f"post {n}" for n in range(POSTS)]
    assert [edge["id"] for edge in answer.body["followers"]] == followers
    assert [edge["id"] for edge in answer.body["following"]] == followers[::3]
    assert len(answer.body["sessions"]) == 1


def test_what_an_error_cuts_off_does_not_look_complete(service: Service, alice: Person) -> None:
    post_id = alice.posts("x")
    assert alice.done(200, "GET", "/users/me/export/")["posts"][0]["id"] == post_id
    service.database.rows("RENAME TABLE moderation_reports TO moderation_reports_away")
    try:
        with pytest.raises(IncompleteRead) as cut:
            alice.call("GET", "/users/me/export/")
    finally:
        service.database.rows("RENAME TABLE moderation_reports_away TO moderation_reports")
    assert b'"content":"x"' in cut.value.partial
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(cut.value.partial)
