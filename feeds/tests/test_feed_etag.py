"""A client that has the first page already is told so."""

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from feeds.tests.conftest import FEED, make_ready, write_posts
from posts.models import Post

pytestmark = pytest.mark.usefixtures("follow")


def _etag(client: APIClient) -> str:
    response = client.get(FEED)
    assert response.status_code == 200
    etag: str = response.headers["ETag"]
    assert etag.startswith('W/"')
    return etag


def test_the_same_page_is_not_sent_twice(as_bob: APIClient, alice: User) -> None:
    write_posts(alice, 3)
    first = as_bob.get(FEED)
    again = as_bob.get(FEED, headers={"if-none-match": _etag(as_bob)})
    assert again.status_code == 304
    assert again.content == b""
    for name in ("ETag", "Cache-Control"):
        assert again.headers[name] == first.headers[name]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for name in ("Authorization", "Accept"):
        assert name in first.headers["Vary"]
        assert name in again.headers["Vary"]
    assert "RateLimit-Remaining" in again.headers


def test_another_page_is(as_bob: APIClient, alice: User, bob: User) -> None:
    etags = [_etag(as_bob)]
    (post,) = write_posts(alice, 1)
    make_ready(bob.pk, [post])
    etags.append(_etag(as_bob))
    Post.objects.filter(pk=post).update(content="edited")
    etags.append(_etag(as_bob))
    User.objects.filter(pk=alice.pk).update(display_name="Al")
    etags.append(_etag(as_bob))
    assert len(set(etags)) == 4
    for old in etags[:-1]:
        response = as_bob.get(FEED, headers={"if-none-match": old})
        assert response.status_code == 200
        assert response.json()["results"]
    assert as_bob.get(FEED, headers={"if-none-match": etags[-1]}).status_code == 304


def test_one_of_several_is_enough(as_bob: APIClient) -> None:
    etag = _etag(as_bob)
    for known in (f'"x", {etag}', etag.removeprefix("W/"), "*"):
        assert as_bob.get(FEED, headers={"if-none-match": known}).status_code == 304
    for known in ('"x"', "nonsense", "", f"{etag}x"):
        assert as_bob.get(FEED, headers={"if-none-match": known}).status_code == 200


def test_later_pages_have_none(as_bob: APIClient, alice: User) -> None:
    write_posts(alice, 3)
    page = as_bob.get(FEED, {"limit": 2})
    assert "ETag" in page.headers
    later = as_bob.get(page.json()["next"])
    assert later.status_code == 200
    assert "ETag" not in later.headers
