from collections.abc import Callable

import pytest
from rest_framework.exceptions import NotFound
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import reinstate_user, suspend_user
from follows.services import follow
from newsfeed.api.exceptions import Conflict
from posts.services import create_post

USERS = "/api/v1/users/"


def test_a_suspended_user_is_refused_at_once_and_cannot_log_in(
    client: APIClient, as_alice: APIClient, alice: User, password: str
) -> None:
    login = {"username": "alice", "password": password}
    tokens = client.post("/api/v1/auth/login/", login).json()
    refresh = {"refresh": tokens["refresh"]}
    assert as_alice.get(f"{USERS}me/").status_code == 200
    suspend_user(alice.pk)
    assert as_alice.get(f"{USERS}me/").status_code == 401
    assert client.post("/api/v1/auth/refresh/", refresh).status_code == 401
    refused = client.post("/api/v1/auth/login/", login)
    wrong = client.post("/api/v1/auth/login/", login | {"password": "wrong"})
    assert (refused.status_code, refused.content) == (wrong.status_code, wrong.content)
    reinstate_user(alice.pk)
    assert client.post("/api/v1/auth/login/", login).status_code == 200


def test_a_suspended_user_is_gone_for_the_others(
    as_bob: APIClient, as_user: Callable[[User], APIClient], alice: User, bob: User, carol: User
) -> None:
    follow(follower_id=bob.pk, followee_id=alice.pk)
    follow(follower_id=alice.pk, followee_id=bob.pk)
    post = create_post(user_id=alice.pk, content="x")
    as_carol = as_user(carol)

    def seen() -> list[int]:
        paths = [
            f"{USERS}{alice.pk}/",
            f"{USERS}{alice.pk}/posts/",
            f"{USERS}{alice.pk}/followers/",
            f"/api/v1/posts/{post.pk}/",
        ]
        lists = [f"{USERS}?username=alice", f"{USERS}{bob.pk}/followers/"]
        lists += [f"{USERS}{bob.pk}/following/", "/api/v1/feed/"]
        return [
            *(as_bob.get(path).status_code for path in paths),
            *(len(as_bob.get(path).json()["results"]) for path in lists),
        ]

    follow_path = f"{USERS}{alice.pk}/follow/"
    assert seen() == [200] * 4 + [1] * 4
    suspend_user(alice.pk)
    assert seen() == [404] * 4 + [0] * 4
    assert as_carol.post(follow_path).status_code == 404
    assert as_carol.patch(f"/api/v1/posts/{post.pk}/", {"content": "y"}).status_code == 404
    reinstate_user(alice.pk)
    assert seen() == [200] * 4 + [1] * 4
    assert as_carol.post(follow_path).status_code == 201


def test_who_follows_a_suspended_user_can_unfollow(
    as_bob: APIClient, alice: User, bob: User
) -> None:
    follow(follower_id=bob.pk, followee_id=alice.pk)
    suspend_user(alice.pk)
    assert as_bob.delete(f"{USERS}{alice.pk}/follow/").status_code == 204


def test_what_is_so_already_is_a_conflict(alice: User) -> None:
    with pytest.raises(Conflict, match="not suspended"):
        reinstate_user(alice.pk)
    suspend_user(alice.pk)
    with pytest.raises(Conflict, match="suspended already"):
        suspend_user(alice.pk)
    with pytest.raises(NotFound):
        suspend_user(999_999)
