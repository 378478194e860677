import pytest
from rest_framework.test import APIClient

from posts.models import Post


def test_an_edit_is_answered_and_seen_by_others(
    as_alice: APIClient, as_bob: APIClient, path: str, post: Post
) -> None:
    response = as_alice.patch(path, {"content": " edited "})
    assert response.status_code == 200
    body = response.json()
    assert body["content"] == " edited "
    assert body["author"]["username"] == "alice"
    assert body["created_at"] == post.created_at.isoformat().replace("+00:00", "Z")
    assert body["edited_at"] > body["created_at"]
    assert as_bob.get(path).json() == body


def test_the_post_of_another_one_is_not_edited(
    as_alice: APIClient, as_bob: APIClient, path: str
) -> None:
    assert as_bob.patch(path, {"content": "mine now"}).status_code == 403
    assert as_bob.get(path).json()["content"] == "hello"
    assert as_alice.patch(path, {"content": "still mine"}).status_code == 200


def test_a_deleted_post_is_not_edited_and_has_no_text(
    as_alice: APIClient, path: str, post: Post
) -> None:
    assert as_alice.patch(path, {"content": "edited"}).status_code == 200
    as_alice.delete(path)
    assert as_alice.patch(path, {"content": "too late"}).status_code == 404
    post.refresh_from_db()
    assert post.content == ""


@pytest.mark.parametrize("form", [{}, {"content": " "}, {"content": "x" * 5001}, {"content": 1}])
def test_bad_content_is_refused(as_alice: APIClient, path: str, form: dict[str, object]) -> None:
    response = as_alice.patch(path, form)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "content"
    assert as_alice.get(path).json()["content"] == "hello"


@pytest.mark.parametrize("post_id", [0, 2**63, 10**30])
def test_an_unknown_post_is_not_found(as_alice: APIClient, post_id: int) -> None:
    assert as_alice.patch(f"/api/v1/posts/{post_id}/", {"content": "x"}).status_code == 404


def test_nobody_edits_nothing(client: APIClient, path: str) -> None:
    assert client.patch(path, {"content": "x"}).status_code == 401
