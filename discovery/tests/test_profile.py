import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User


def _path(user_id: int) -> str:
    return f"/api/v1/users/{user_id}/"


def test_a_profile_says_who_it_is(as_bob: APIClient, alice: User) -> None:
    response = as_bob.get(_path(alice.pk))
    assert response.status_code == 200
    assert response.json() == {
        "id": alice.pk,
        "username": "alice",
        "display_name": "Alice",
        "created_at": alice.date_joined.isoformat().replace("+00:00", "Z"),
        "follower_count": 0,
        "following_count": 0,
        "post_count": 0,
        "followed_by_me": False,
    }


def test_followers_and_followees_are_counted(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User, carol: User
) -> None:
    as_bob.post(f"{_path(alice.pk)}follow/")
    as_bob.post(f"{_path(carol.pk)}follow/")
    seen_by_bob = as_bob.get(_path(alice.pk)).json()
    assert (seen_by_bob["follower_count"], seen_by_bob["following_count"]) == (1, 0)
    bobs = as_alice.get(_path(bob.pk)).json()
    assert (bobs["follower_count"], bobs["following_count"]) == (0, 2)


def test_followed_by_me_depends_on_who_asks(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User
) -> None:
    as_bob.post(f"{_path(alice.pk)}follow/")
    assert as_bob.get(_path(alice.pk)).json()["followed_by_me"] is True
    assert as_alice.get(_path(bob.pk)).json()["followed_by_me"] is False


def test_a_deleted_post_does_not_count(as_alice: APIClient, alice: User) -> None:
    as_alice.post("/api/v1/posts/", {"content": "stays"})
    gone = as_alice.post("/api/v1/posts/", {"content": "goes"}).json()["id"]
    assert as_alice.get(_path(alice.pk)).json()["post_count"] == 2
    as_alice.delete(f"/api/v1/posts/{gone}/")
    assert as_alice.get(_path(alice.pk)).json()["post_count"] == 1


@pytest.mark.parametrize("user_id", [0, 2**63 - 1, 2**63, 10**30])
def test_an_unknown_user_is_not_found(as_alice: APIClient, user_id: int) -> None:
    assert as_alice.get(_path(user_id)).status_code == 404


def test_a_profile_takes_six_queries(
    as_alice: APIClient, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):  # the token's user, the user, three counts, followed_by_me
        as_alice.get(_path(bob.pk))


def test_nobody_sees_no_profile(client: APIClient, alice: User) -> None:
    assert client.get(_path(alice.pk)).status_code == 401
