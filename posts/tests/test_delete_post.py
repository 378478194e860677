import pytest
from rest_framework.test import APIClient

from posts.models import Post


def test_a_deleted_post_is_gone_for_all_and_its_row_stays(
    as_alice: APIClient, as_bob: APIClient, path: str, post: Post
) -> None:
    response = as_alice.delete(path)
    assert response.status_code == 204
    assert response.content == b""
    assert as_alice.get(path).status_code == 404
    assert as_bob.get(path).status_code == 404
    post.refresh_from_db()
    assert post.deleted_at is not None


def test_a_post_is_deleted_once(as_alice: APIClient, path: str) -> None:
    assert as_alice.delete(path).status_code == 204
    assert as_alice.delete(path).status_code == 404


def test_the_post_of_another_one_is_not_deleted(
    as_alice: APIClient, as_bob: APIClient, path: str
) -> None:
    assert as_bob.delete(path).status_code == 403
    assert as_bob.get(path).status_code == 200
    assert as_alice.delete(path).status_code == 204


@pytest.mark.parametrize("post_id", [0, 2**63, 10**30])
def test_an_unknown_post_is_not_found(as_alice: APIClient, post_id: int) -> None:
    assert as_alice.delete(f"/api/v1/posts/{post_id}/").status_code == 404


def test_nobody_deletes_nothing(client: APIClient, as_bob: APIClient, path: str) -> None:
    assert client.delete(path).status_code == 401
    assert as_bob.get(path).status_code == 200
