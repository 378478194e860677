import pytest
from rest_framework.test import APIClient

from accounts.models import User
from follows.models import Follow


def _path(user_id: int) -> str:
    return f"/api/v1/users/{user_id}/follow/"


def test_unfollowing_removes_one_edge(as_alice: APIClient, bob: User, carol: User) -> None:
    as_alice.post(_path(bob.pk))
    as_alice.post(_path(carol.pk))
    response = as_alice.delete(_path(bob.pk))
    assert response.status_code == 204
    assert response.content == b""
    assert [edge.followee_id for edge in Follow.objects.all()] == [carol.pk]


def test_unfollowing_leaves_the_other_direction(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User
) -> None:
    as_alice.post(_path(bob.pk))
    as_bob.post(_path(alice.pk))
    as_alice.delete(_path(bob.pk))
    assert [edge.follower_id for edge in Follow.objects.all()] == [bob.pk]


def test_who_is_not_followed_is_not_found(as_alice: APIClient, bob: User) -> None:
    as_alice.post(_path(bob.pk))
    assert as_alice.delete(_path(bob.pk)).status_code == 204
    assert as_alice.delete(_path(bob.pk)).status_code == 404


def test_an_unfollowed_user_can_be_followed_again(as_alice: APIClient, bob: User) -> None:
    as_alice.post(_path(bob.pk))
    as_alice.delete(_path(bob.pk))
    assert as_alice.post(_path(bob.pk)).status_code == 201


@pytest.mark.parametrize("user_id", [0, 2**63, 10**30])
def test_an_unknown_user_is_not_found(as_alice: APIClient, user_id: int) -> None:
    assert as_alice.delete(_path(user_id)).status_code == 404


def test_nobody_unfollows_nobody(client: APIClient, alice: User) -> None:
    assert client.delete(_path(alice.pk)).status_code == 401
