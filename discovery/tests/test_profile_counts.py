"""The counts of a profile, and the lists they stand for."""

from collections.abc import Callable
from functools import partial
from itertools import permutations

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import delete_user, reinstate_user, suspend_user
from conftest import PASSWORD
from discovery.selectors import get_profile
from follows.services import follow


def _path(user_id: int) -> str:
    return f"/api/v1/users/{user_id}/"


def _delete_account(user_id: int) -> None:
    """As it is until the erasure has come to the follows."""
    delete_user(user=User.objects.get(pk=user_id), password=PASSWORD)


@pytest.mark.parametrize("leave", [suspend_user, _delete_account])
def test_counts_are_those_of_the_lists_when_somebody_is_suspended_or_deleted(
    as_bob: APIClient, alice: User, bob: User, carol: User, leave: Callable[[int], object]
) -> None:
    for one, other in permutations((alice, bob, carol), 2):
        follow(follower_id=one.pk, followee_id=other.pk)
    assert _counts_and_lists(as_bob, bob.pk) == ([2, 2], [2, 2])
    leave(carol.pk)
    assert _counts_and_lists(as_bob, bob.pk) == ([1, 1], [1, 1])
    if leave is suspend_user:
        reinstate_user(carol.pk)
        assert _counts_and_lists(as_bob, bob.pk) == ([2, 2], [2, 2])


def _counts_and_lists(client: APIClient, user_id: int) -> tuple[list[int], list[int]]:
    profile = client.get(_path(user_id)).json()
    lists = [client.get(f"{_path(user_id)}{name}/").json() for name in ("followers", "following")]
    counts = [profile["follower_count"], profile["following_count"]]
    return counts, [len(page["results"]) for page in lists]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("many_edges")
def test_counting_looks_up_nobody_who_is_there(
    alice: User, bob: User, carol: User, explain: Callable[[Callable[[], object]], str]
) -> None:
    suspend_user(carol.pk)
    plans = explain(partial(get_profile, user=alice, viewer_id=bob.pk))
    assert plans.count("'users_unseen'") == 2
    assert "'users', 'eq_ref'" not in plans
