from collections.abc import Callable
from functools import partial

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from follows.selectors import followees_of_user
from follows.services import follow
from newsfeed.api.paging import PageRequest


def _path(user_id: int) -> str:
    return f"/api/v1/users/{user_id}/following/"


def test_the_followed_come_highest_id_first(
    as_bob: APIClient, alice: User, bob: User, carol: User
) -> None:
    for followee in (carol, bob):
        follow(follower_id=alice.pk, followee_id=followee.pk)
    response = as_bob.get(_path(alice.pk))
    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {"id": carol.pk, "username": "carol", "display_name": "Carol"},
            {"id": bob.pk, "username": "bob", "display_name": "Bob"},
        ],
        "next": None,
    }
    assert as_bob.get(_path(carol.pk)).json() == {"results": [], "next": None}


def test_pages_follow_each_other_to_the_end(
    as_alice: APIClient, alice: User, bob: User, carol: User
) -> None:
    for followee in (bob, carol):
        follow(follower_id=alice.pk, followee_id=followee.pk)
    first = as_alice.get(_path(alice.pk), {"limit": 1}).json()
    assert [user["id"] for user in first["results"]] == [carol.pk]
    last = as_alice.get(first["next"]).json()
    assert [user["id"] for user in last["results"]] == [bob.pk]
    assert last["next"] is None


@pytest.mark.parametrize("user_id", [0, 2**63, 10**30])
def test_an_unknown_user_is_not_found(as_alice: APIClient, user_id: int) -> None:
    assert as_alice.get(_path(user_id)).status_code == 404


def test_a_bad_limit_is_refused(as_alice: APIClient, alice: User) -> None:
    assert as_alice.get(_path(alice.pk), {"limit": "100"}).status_code == 200
    response = as_alice.get(_path(alice.pk), {"limit": "101"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "limit"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("many_edges")
def test_a_page_is_read_along_the_index(
    alice: User, explain: Callable[[Callable[[], object]], str]
) -> None:
    for page in (PageRequest(), PageRequest(before=alice.pk + 1000)):
        plans = explain(partial(followees_of_user, alice.pk, page))
        assert "follows" in plans
        assert "filesort" not in plans
        assert "temporary" not in plans


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("many_edges")
def test_many_users_take_as_many_queries_as_one(
    as_bob: APIClient, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(4):  # the token's user, the user, the ids, their users
        assert len(as_bob.get(_path(alice.pk), {"limit": 100}).json()["results"]) == 100


def test_nobody_lists_nobody(client: APIClient, alice: User) -> None:
    assert client.get(_path(alice.pk)).status_code == 401
