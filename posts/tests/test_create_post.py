from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from posts.models import Post

PATH = "/api/v1/posts/"


def test_a_new_post_is_answered_and_found_at_its_location(as_alice: APIClient, alice: User) -> None:
    response = as_alice.post(PATH, {"content": "안녕 🙂"})
    assert response.status_code == 201
    post = Post.objects.get()
    assert response.json() == {
        "id": post.pk,
        "content": "안녕 🙂",
        "created_at": post.created_at.isoformat().replace("+00:00", "Z"),
        "edited_at": None,
        "author": {"id": alice.pk, "username": "alice", "display_name": "Alice"},
    }
    location = response.headers["Location"]
    assert location == f"http://testserver{PATH}{post.pk}/"
    assert as_alice.get(location).json() == response.json()


def test_white_space_is_kept_as_written_but_for_ends_of_lines(as_alice: APIClient) -> None:
    content = "  first\r\n\n\tsecond  "
    kept = "  first\n\n\tsecond  "
    assert as_alice.post(PATH, {"content": content}).json()["content"] == kept
    assert Post.objects.get().content == kept


def test_five_thousand_characters_fit_and_not_one_more(as_alice: APIClient) -> None:
    assert as_alice.post(PATH, {"content": "한" * 5000}).status_code == 201
    response = as_alice.post(PATH, {"content": "한" * 5001})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "content"
    assert Post.objects.count() == 1


BAD: list[object] = [
    "",
    " ",
    "\n\t ",
    "\u200b",
    "\u2800",
    "a\0b",
    "a\u202eb",
    None,
    1,
    1.5,
    True,
    [],
    {},
]


@pytest.mark.parametrize("form", [{}, *({"content": content} for content in BAD)])
def test_bad_content_is_refused(as_alice: APIClient, form: dict[str, object]) -> None:
    response = as_alice.post(PATH, form)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["content"]
    assert not Post.objects.exists()
    assert as_alice.post(PATH, {"content": "good"}).status_code == 201


def test_the_author_is_whoever_asks(as_alice: APIClient, alice: User, bob: User) -> None:
    assert as_alice.post(PATH, {"content": "mine"}).json()["author"]["id"] == alice.pk
    form = {"content": "mine", "user": bob.pk, "user_id": bob.pk, "id": 7, "author": bob.pk}
    response = as_alice.post(PATH, form)
    assert response.status_code == 400
    named = [error["field"] for error in response.json()["errors"]]
    assert named == ["user", "user_id", "id", "author"]
    assert Post.objects.count() == 1


def test_nobody_posts_nothing(client: APIClient, db: None) -> None:
    assert client.post(PATH, {"content": "x"}).status_code == 401
    assert not Post.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "1"}])
def test_who_is_suspended_or_deleted_while_the_request_runs_is_nobody(
    as_alice: APIClient, alice: User, headers: dict[str, str]
) -> None:
    def suspend_alice_first(execute: Any, sql: str, *rest: Any) -> Any:
        if "LOCK IN SHARE MODE" in sql:
            execute("UPDATE users SET is_active = 0 WHERE id = %s", [alice.pk], *rest[1:])
        return execute(sql, *rest)

    with connection.execute_wrapper(suspend_alice_first):
        response = as_alice.post(PATH, {"content": "x"}, headers=headers)
    assert response.status_code == response.json()["status"] == 401
    assert "WWW-Authenticate" in response.headers
    assert not Post.objects.exists()
    assert as_alice.post(PATH, {"content": "x"}, headers=headers).status_code == 201
