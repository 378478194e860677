from itertools import chain

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import RevokedToken, User
from accounts.selectors import user_ids
from feeds.tests.conftest import crowd
from newsfeed.mysql.keyset import delete_some, in_key_order


@pytest.mark.parametrize(
    ("size", "lengths", "queries"), [(2, [2, 2, 1], 3), (5, [5], 2), (6, [5], 1), (1, [1] * 5, 6)]
)
def test_all_rows_come_in_pages_lowest_key_first(
    db: None,
    django_assert_num_queries: DjangoAssertNumQueries,
    size: int,
    lengths: list[int],
    queries: int,
) -> None:
    users = sorted(crowd(5), key=lambda user: user.pk)
    with django_assert_num_queries(queries):
        pages = list(in_key_order(User.objects.order_by("-username"), size))
    assert list(chain.from_iterable(pages)) == users
    assert [len(page) for page in pages] == lengths
    ids = [user.pk for user in users]
    assert list(chain.from_iterable(user_ids(size=size, after=ids[1]))) == ids[2:]


def test_no_more_rows_are_deleted_than_asked_for(db: None) -> None:
    RevokedToken.objects.bulk_create(
        RevokedToken(jti=f"{n}", expires_at=f"2026-01-0{n}T00:00Z") for n in (3, 1, 2, 4)
    )
    tokens = RevokedToken.objects.exclude(jti="1").order_by("expires_at")
    assert delete_some(tokens, 2) == 2
    assert set(RevokedToken.objects.values_list("jti", flat=True)) == {"1", "4"}
    assert delete_some(tokens, 2) == 1
    assert RevokedToken.objects.get().jti == "1"
