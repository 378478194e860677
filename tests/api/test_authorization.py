"""Who may do what: every operation of openapi.yaml, asked by five kinds of people."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import yaml
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import suspend_user
from accounts.tokens import issue_tokens
from conftest import PASSWORD
from dev.control import ROOT
from follows.services import follow
from posts.models import Post
from posts.services import create_post

PATHS = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
OPERATIONS = {
    described["operationId"]: (method, path)
    for path, methods in PATHS.items()
    for method, described in methods.items()
}


class Person(NamedTuple):
    client: APIClient
    user: User | None
    refresh: str


class Row(NamedTuple):
    """The statuses for each kind of people, when the user and the post in the path are alice's."""

    anonymous: int
    other: int
    owner: int
    suspended: int
    moderator: int
    body: Callable[[Person], object] = lambda _: None


def _named(person: Person) -> str:
    return person.user.username if person.user else "nobody"


MATRIX = {
    "sign_up": Row(
        201, 201, 201, 201, 201, lambda _: {"username": "newcomer", "password": PASSWORD}
    ),
    "log_in": Row(
        401, 200, 200, 401, 200, lambda one: {"username": _named(one), "password": PASSWORD}
    ),
    "refresh_tokens": Row(401, 200, 200, 401, 200, lambda one: {"refresh": one.refresh}),
    "log_out": Row(401, 204, 204, 401, 204, lambda one: {"refresh": one.refresh}),
    "log_out_everywhere": Row(401, 204, 204, 401, 204),
    "change_password": Row(
        *(401, 200, 200, 401, 200),
        lambda _: {"current_password": PASSWORD, "new_password": f"{PASSWORD}, new"},
    ),
    "get_me": Row(401, 200, 200, 401, 200),
    "update_me": Row(401, 200, 200, 401, 200, lambda _: {"display_name": "New"}),
    "delete_me": Row(401, 204, 204, 401, 204, lambda _: {"password": PASSWORD}),
    "delete_me_by_post": Row(401, 204, 204, 401, 204, lambda _: {"password": PASSWORD}),
    "export_me": Row(401, 200, 200, 401, 200),
    "find_users": Row(401, 200, 200, 401, 200),
    "get_user": Row(401, 200, 200, 401, 200),
    "list_user_posts": Row(401, 200, 200, 401, 200),
    "list_followers": Row(401, 200, 200, 401, 200),
    "list_following": Row(401, 200, 200, 401, 200),
    "follow_user": Row(401, 201, 400, 401, 201),  # nobody follows himself
    "unfollow_user": Row(401, 204, 404, 401, 204),
    "create_post": Row(401, 201, 201, 401, 201, lambda _: {"content": "new"}),
    "get_post": Row(401, 200, 200, 401, 200),
    # Moderators act in the admin, where each action has a reason and is recorded.
    "edit_post": Row(401, 403, 200, 401, 403, lambda _: {"content": "new"}),
    "delete_post": Row(401, 403, 204, 401, 403),
    "report_post": Row(401, 201, 400, 401, 201, lambda _: {"reason": "spam"}),
    "get_feed": Row(401, 200, 200, 401, 200),
    "explain_feed": Row(401, 403, 403, 401, 200),
}


@pytest.fixture
def people(alice: User, bob: User, carol: User, as_user: Any, client: APIClient) -> dict[str, Any]:
    dave = User.objects.create_user("dave", password=PASSWORD)
    carol.is_staff = True
    carol.save(update_fields=["is_staff"])
    carol.groups.add(Group.objects.get(name="Moderators"))
    people = {
        kind: Person(as_user(user), user, issue_tokens(user)["refresh"])
        for kind, user in (
            ("other", bob),
            ("owner", alice),
            ("suspended", dave),
            ("moderator", carol),
        )
    }
    suspend_user(dave.pk)
    return people | {"anonymous": Person(client, None, "none")}


@pytest.fixture
def post(alice: User) -> Post:
    return create_post(user_id=alice.pk, content="alice's")


def test_the_matrix_has_every_operation() -> None:
    assert set(MATRIX) == set(OPERATIONS)


@pytest.mark.parametrize("kind", ["anonymous", "other", "owner", "suspended", "moderator"])
@pytest.mark.parametrize("operation", MATRIX)
def test_only_who_may_can(
    people: dict[str, Person], alice: User, post: Post, operation: str, kind: str
) -> None:
    method, path = OPERATIONS[operation]
    person, row = people[kind], MATRIX[operation]
    if operation == "unfollow_user":
        for one in ("other", "moderator"):
            follow(follower_id=people[one].user.pk, followee_id=alice.pk)  # type: ignore[union-attr]
    response = getattr(person.client, method)(
        path.format(user_id=alice.pk, post_id=post.pk),
        {"username": "alice"} if operation == "find_users" else row.body(person),
    )
    assert response.status_code == getattr(row, kind), response.content
    if response.status_code in (401, 403):
        assert response.headers["Content-Type"] == "application/problem+json"
    response.close()  # of exports, a process sends few at once
