"""A moderator hides a post in the admin, as a browser would: it is gone everywhere at once."""

from collections.abc import Callable
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tests.client import PASSWORD, Person
from tests.deadline import wait_until
from tests.running import Service

MEMBERSHIP = """
    INSERT INTO users_groups (user_id, group_id)
    SELECT %s, id FROM auth_group WHERE name = 'Moderators'
"""


class Moderator:
    def __init__(self, service: Service, person: Person) -> None:
        service.database.rows("UPDATE users SET is_staff = 1 WHERE id = %s", person.id)
        service.database.rows(MEMBERSHIP, person.id)
        [(name,)] = service.database.rows("SELECT username FROM users WHERE id = %s", person.id)
        self._admin, self._cookies = f"{service.url}/admin/", CookieJar()
        self._browser = build_opener(HTTPCookieProcessor(self._cookies))
        self.reads("login/")
        self.sends("login/", username=name, password=PASSWORD, next="/admin/")

    def reads(self, page: str) -> str:
        with self._browser.open(f"{self._admin}{page}", timeout=30) as answer:
            return str(answer.read().decode())

    def sends(self, page: str, **form: object) -> str:
        """A form, and what the page says that it leads to."""
        [token] = [cookie.value for cookie in self._cookies if cookie.name == "csrftoken"]
        body = urlencode(form | {"csrfmiddlewaretoken": token}).encode()
        with self._browser.open(f"{self._admin}{page}", body, timeout=30) as answer:
            return str(answer.read().decode())

    def acts(self, page: str, action: str, id_: int) -> None:
        said = self.sends(page, action=action, _selected_action=id_, reason="It is spam")
        assert "1 of 1 done." in said, said


@pytest.fixture
def moderator(service: Service, newcomer: Callable[[str], Person]) -> Moderator:
    return Moderator(service, newcomer("moderator"))


def test_hiding_in_the_admin_takes_a_post_from_everybody_and_undoing_brings_it_back(
    service: Service, moderator: Moderator, alice: Person, bob: Person
) -> None:
    bob.follows(alice)
    service.wait_for_rest()
    assert bob.feed() == []
    service.warm([bob.id])
    texts = ("older", "spam spam", "newer")
    older, post_id, newer = posts = [alice.posts(text) for text in texts]

    def are_pushed() -> bool:
        return all(service.feeds_holding([bob.id], id_) for id_ in posts)

    wait_until(are_pushed, 60, "the posts are pushed to bob")
    bob.done(201, "POST", f"/posts/{post_id}/report/", {"reason": "It is spam 🙁"})
    assert "spam spam" in moderator.reads("moderation/reportedpost/")

    def seen() -> list[list[int]]:
        listed = bob.done(200, "GET", f"/users/{alice.id}/posts/")["results"]
        return [bob.feed_ids(), [post["id"] for post in listed]]

    def in_redis() -> bool:
        return service.holds_everywhere([bob.id], post_id)

    assert seen() == [[newer, post_id, older]] * 2
    assert in_redis()
    moderator.acts("moderation/reportedpost/", "hide_post", post_id)
    assert seen() == [[newer, older]] * 2
    for person in (alice, bob):
        person.done(404, "GET", f"/posts/{post_id}/")
    wait_until(lambda: not in_redis(), 60, "the post leaves bob's feed in Redis")
    assert "spam spam" not in moderator.reads("moderation/reportedpost/")

    moderator.acts("posts/post/", "unhide_post", post_id)
    wait_until(in_redis, 60, "the post comes back to bob's feed in Redis")
    assert seen() == [[newer, post_id, older]] * 2


def test_a_suspended_author_is_out_and_gone_and_comes_back(
    service: Service, moderator: Moderator, alice: Person, bob: Person
) -> None:
    bob.follows(alice)
    service.wait_for_rest()
    post_id = alice.posts("x")
    assert bob.feed_ids() == [post_id]
    moderator.acts("accounts/user/", "suspend_user", alice.id)
    assert bob.feed_ids() == []
    alice.done(401, "POST", "/posts/", {"content": "y"})
    bob.done(404, "GET", f"/users/{alice.id}/")
    moderator.acts("accounts/user/", "reinstate_user", alice.id)
    assert bob.feed_ids() == [post_id]
    alice.done(401, "POST", "/posts/", {"content": "y"})  # her sessions have ended
    bob.done(200, "GET", f"/users/{alice.id}/")
