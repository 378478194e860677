from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed.api.paging import PageRequest
from posts.models import Post
from posts.selectors import posts_of_user
from posts.services import create_post, delete_post


def _path(user: User) -> str:
    return f"/api/v1/users/{user.pk}/posts/"


def _post(user: User, count: int = 1) -> list[int]:
    """Ids, newest first."""
    return [create_post(user_id=user.pk, content=f"{n}").pk for n in range(count)][::-1]


def _ids(results: list[dict[str, int]]) -> list[int]:
    return [post["id"] for post in results]


def test_the_posts_of_one_user_come_newest_first(as_bob: APIClient, alice: User, bob: User) -> None:
    alices = _post(alice, 3)
    bobs = _post(bob)
    response = as_bob.get(_path(alice))
    assert response.status_code == 200
    assert _ids(response.json()["results"]) == alices
    assert {post["author"]["username"] for post in response.json()["results"]} == {"alice"}
    assert response.json()["next"] is None
    assert _ids(as_bob.get(_path(bob)).json()["results"]) == bobs


def test_pages_follow_each_other_to_the_end(as_alice: APIClient, alice: User) -> None:
    ids = _post(alice, 6)
    first = as_alice.get(_path(alice), {"limit": 3}).json()
    assert _ids(first["results"]) == ids[:3]
    last = as_alice.get(first["next"]).json()
    assert _ids(last["results"]) == ids[3:]
    assert last["next"] is None


def test_a_page_is_full_although_posts_were_deleted(as_alice: APIClient, alice: User) -> None:
    oldest, deleted, newest = _post(alice, 3)[::-1]
    delete_post(user_id=alice.pk, post_id=deleted)
    page = as_alice.get(_path(alice), {"limit": 2}).json()
    assert _ids(page["results"]) == [newest, oldest]
    assert page["next"] is None


def test_a_user_without_posts_has_an_empty_list(as_bob: APIClient, alice: User) -> None:
    assert as_bob.get(_path(alice)).json() == {"results": [], "next": None}


@pytest.mark.parametrize("user_id", [0, 2**63, 10**30])
def test_an_unknown_user_is_not_found(as_alice: APIClient, user_id: int) -> None:
    assert as_alice.get(f"/api/v1/users/{user_id}/posts/").status_code == 404


def test_a_bad_cursor_is_refused(as_alice: APIClient, alice: User) -> None:
    assert as_alice.get(_path(alice), {"cursor": "1"}).status_code == 200
    response = as_alice.get(_path(alice), {"cursor": "x"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "cursor"


def test_many_posts_take_as_many_queries_as_one(
    as_bob: APIClient, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _post(alice, 10)
    with django_assert_num_queries(3):  # the token's user, the author, the posts
        assert len(as_bob.get(_path(alice)).json()["results"]) == 10


@pytest.mark.django_db(transaction=True)
def test_a_page_is_read_along_the_index(
    alice: User, bob: User, explain: Callable[[Callable[[], object]], str]
) -> None:
    users = (alice, bob)
    Post.objects.bulk_create(Post(user=users[n % 2], content="x") for n in range(3000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE posts")
    middle = Post.objects.order_by("id")[1500].pk
    for page in (PageRequest(), PageRequest(before=middle)):
        plans = explain(partial(posts_of_user, alice.pk, page))
        assert "posts" in plans
        assert "filesort" not in plans
        assert "temporary" not in plans


def test_nobody_lists_nothing(client: APIClient, alice: User) -> None:
    assert client.get(_path(alice)).status_code == 401
