import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from posts.models import Post
from posts.services import delete_post


def test_everybody_reads_a_post(as_alice: APIClient, as_bob: APIClient, path: str) -> None:
    response = as_bob.get(path)
    assert response.status_code == 200
    assert response.json()["content"] == "hello"
    assert response.json()["author"]["username"] == "alice"
    assert as_alice.get(path).json() == response.json()


def test_a_deleted_post_is_not_found(as_bob: APIClient, path: str, post: Post) -> None:
    assert as_bob.get(path).status_code == 200
    delete_post(user_id=post.user_id, post_id=post.pk)
    assert as_bob.get(path).status_code == 404


@pytest.mark.parametrize(
    "post_id", ["0", f"{2**63 - 1}", f"{2**63}", "9" * 30, "9" * 5000, "-1", "x"]
)
def test_an_unknown_post_is_not_found(as_alice: APIClient, post_id: str) -> None:
    response = as_alice.get(f"/api/v1/posts/{post_id}/")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_post_takes_two_queries(
    as_bob: APIClient, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):  # the token's user, the post with its author
        as_bob.get(path)


def test_nobody_reads_nothing(client: APIClient, path: str) -> None:
    assert client.get(path).status_code == 401
