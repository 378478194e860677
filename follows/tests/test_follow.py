from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from pytest_django.fixtures import Settings
from rest_framework.exceptions import APIException
from rest_framework.test import APIClient

from accounts.models import User
from follows.models import Follow
from follows.services import follow


def _path(user_id: int) -> str:
    return f"/api/v1/users/{user_id}/follow/"


def _follow_at_once(*pairs: tuple[int, int]) -> list[int]:
    """The status each of these follows ends with, when all begin in the same instant."""
    barrier = Barrier(len(pairs))

    def run(pair: tuple[int, int]) -> int:
        try:
            barrier.wait(timeout=60)
            follow(follower_id=pair[0], followee_id=pair[1])
        except APIException as error:
            return error.status_code
        finally:
            connection.close()
        return 201

    with ThreadPoolExecutor(len(pairs)) as threads:
        return sorted(threads.map(run, pairs))


def test_following_answers_the_edge(as_alice: APIClient, alice: User, bob: User) -> None:
    response = as_alice.post(_path(bob.pk))
    assert response.status_code == 201
    edge = Follow.objects.get()
    assert response.json() == {
        "follower_id": alice.pk,
        "followee_id": bob.pk,
        "created_at": edge.created_at.isoformat().replace("+00:00", "Z"),
    }


def test_two_users_may_follow_each_other(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User
) -> None:
    assert as_alice.post(_path(bob.pk)).status_code == 201
    assert as_bob.post(_path(alice.pk)).status_code == 201


def test_following_twice_is_a_conflict(as_alice: APIClient, bob: User) -> None:
    assert as_alice.post(_path(bob.pk)).status_code == 201
    assert as_alice.post(_path(bob.pk)).status_code == 409
    assert Follow.objects.count() == 1


def test_following_oneself_is_refused(as_alice: APIClient, alice: User, bob: User) -> None:
    response = as_alice.post(_path(alice.pk))
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "followee_id"
    assert not Follow.objects.exists()
    assert as_alice.post(_path(bob.pk)).status_code == 201


@pytest.mark.parametrize("user_id", [0, 2**63 - 1, 2**63, 10**30])
def test_an_unknown_user_is_not_found(as_alice: APIClient, user_id: int) -> None:
    assert as_alice.post(_path(user_id)).status_code == 404


def test_following_more_than_the_limit_is_refused(
    as_alice: APIClient, bob: User, carol: User, settings: Settings
) -> None:
    settings.FOLLOWING_LIMIT = 1
    assert as_alice.post(_path(bob.pk)).status_code == 201
    response = as_alice.post(_path(carol.pk))
    assert response.status_code == 400
    assert "more than 1 users" in response.json()["detail"]
    as_alice.delete(_path(bob.pk))
    assert as_alice.post(_path(carol.pk)).status_code == 201


def test_nobody_follows_nobody(client: APIClient, alice: User) -> None:
    assert client.post(_path(alice.pk)).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_one_of_many_equal_follows_wins(alice: User, bob: User) -> None:
    assert _follow_at_once(*[(alice.pk, bob.pk)] * 4) == [201, 409, 409, 409]


@pytest.mark.django_db(transaction=True)
def test_follows_at_once_stay_within_the_limit(
    alice: User, bob: User, carol: User, settings: Settings
) -> None:
    settings.FOLLOWING_LIMIT = 1
    assert _follow_at_once((alice.pk, bob.pk), (alice.pk, carol.pk)) == [201, 400]


@pytest.mark.django_db(transaction=True)
def test_two_who_follow_each_other_at_once_do_not_deadlock(alice: User, bob: User) -> None:
    for _ in range(10):
        assert _follow_at_once((alice.pk, bob.pk), (bob.pk, alice.pk)) == [201, 201]
        Follow.objects.all().delete()
