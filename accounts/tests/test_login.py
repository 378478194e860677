from unittest.mock import patch

from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User

PATH = "/api/v1/auth/login/"


def test_logging_in_answers_tokens_and_the_user(
    client: APIClient, alice: User, password: str
) -> None:
    response = client.post(PATH, {"username": "alice", "password": password})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh", "user"}
    assert body["user"] == {"id": alice.pk, "username": "alice", "display_name": "Alice"}
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
    assert client.get("/api/v1/users/me/").json()["id"] == alice.pk


def test_unknown_wrong_and_inactive_get_the_same_answer(
    client: APIClient, alice: User, bob: User, password: str
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    forms = [
        {"username": "nobody", "password": password},
        {"username": "alice", "password": "wrong"},
        {"username": "alice", "password": f"{password} "},
        {"username": "bob", "password": password},
    ]
    answers = [client.post(PATH, form) for form in forms]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Bearer realm="api"'}
    assert len({answer.content for answer in answers}) == 1
    assert client.post(PATH, {"username": "alice", "password": password}).status_code == 200


def test_unknown_wrong_and_inactive_cost_the_same(
    client: APIClient, alice: User, bob: User, password: str
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    forms = {"nobody": password, "alice": "wrong", "bob": password}
    costs = {name: _cost(client, name, word) for name, word in forms.items()}
    assert set(costs.values()) == {(401, 1, 1)}, costs


def _cost(client: APIClient, username: str, password: str) -> tuple[int, int, int]:
    """The status, the passwords hashed, the queries."""
    encode = MD5PasswordHasher.encode
    with (
        patch.object(MD5PasswordHasher, "encode", autospec=True, side_effect=encode) as hashed,
        CaptureQueriesContext(connection) as queries,
    ):
        response = client.post(PATH, {"username": username, "password": password})
    return response.status_code, hashed.call_count, len(queries)


def test_missing_fields_are_named(client: APIClient) -> None:
    response = client.post(PATH, {"username": "alice"})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["password"]


def test_a_stale_token_does_not_stand_in_the_way(
    client: APIClient, alice: User, password: str
) -> None:
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert client.post(PATH, {"username": "alice", "password": password}).status_code == 200
