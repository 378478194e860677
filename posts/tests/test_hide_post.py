import pytest
from rest_framework.exceptions import NotFound
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed.api.exceptions import Conflict
from posts.models import Post
from posts.services import delete_any_post, hide_post, unhide_post


def _statuses(client: APIClient, path: str) -> list[int]:
    """Of everything that can be asked of a post."""
    answers = [client.get(path), client.patch(path, {"content": "y"}), client.delete(path)]
    return [answer.status_code for answer in answers]


def test_a_hidden_post_is_gone_for_all_its_author_too(
    as_alice: APIClient, as_bob: APIClient, path: str, post: Post
) -> None:
    hide_post(post.pk)
    assert _statuses(as_alice, path) == _statuses(as_bob, path) == [404, 404, 404]
    unhide_post(post.pk)
    assert _statuses(as_bob, path) == [200, 403, 403]
    assert _statuses(as_alice, path) == [200, 200, 204]


def test_a_hidden_post_is_neither_listed_nor_counted(
    as_bob: APIClient, alice: User, post: Post
) -> None:
    profile = f"/api/v1/users/{alice.pk}/"

    def seen() -> tuple[int, int]:
        listed = as_bob.get(f"{profile}posts/").json()["results"]
        return len(listed), as_bob.get(profile).json()["post_count"]

    assert seen() == (1, 1)
    hide_post(post.pk)
    assert seen() == (0, 0)
    unhide_post(post.pk)
    assert seen() == (1, 1)


def test_what_is_so_already_is_a_conflict(post: Post) -> None:
    with pytest.raises(Conflict, match="not hidden"):
        unhide_post(post.pk)
    hide_post(post.pk)
    with pytest.raises(Conflict, match="hidden already"):
        hide_post(post.pk)


def test_a_deleted_post_is_not_found(post: Post) -> None:
    hide_post(post.pk)
    delete_any_post(post.pk)
    for service in (hide_post, unhide_post, delete_any_post):
        with pytest.raises(NotFound):
            service(post.pk)
    post.refresh_from_db()
    assert post.deleted_at is not None
