from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User

PATH = "/api/v1/auth/login/"
FULL_WIDTH = "\uff41\uff4c\uff49\uff43\uff45"


def test_logging_in_answers_tokens_and_the_user(
    client: APIClient, alice: User, password: str
) -> None:
    response = client.post(PATH, {"username": "alice", "password": password})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access", "refresh", "device", "user"}
    assert body["user"] == {"id": alice.pk, "username": "alice", "display_name": "Alice"}
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
    assert client.get("/api/v1/users/me/").json()["id"] == alice.pk


@pytest.mark.parametrize("written", ["ALICE", "@alice", " alice\n", FULL_WIDTH])
def test_a_name_is_read_as_people_write_it(
    client: APIClient, alice: User, password: str, written: str
) -> None:
    response = client.post(PATH, {"username": written, "password": password})
    assert response.status_code == 200
    assert response.json()["user"]["id"] == alice.pk


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
    assert set(costs.values()) == {(401, 1, 2)}, costs


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


LIMITS = "default=100/m,login=5/m,login-address=20/m,login-username=100/h"


def _statuses(client: APIClient, count: int, username: str, address: str) -> list[int]:
    form = {"username": username, "password": "wrong"}
    return [client.post(PATH, form, REMOTE_ADDR=address).status_code for _ in range(count)]


def test_the_sixth_try_is_refused_before_its_password_is_looked_at(
    client: APIClient, alice: User, password: str, settings: Settings
) -> None:
    settings.RATE_LIMITS = LIMITS
    assert _statuses(client, 5, "alice", "192.0.2.1") == [401] * 5
    with patch("accounts.views.log_in") as log_in:
        for written in (" alice ", "@Alice", FULL_WIDTH):
            assert _statuses(client, 1, written, "192.0.2.1") == [429]
    log_in.assert_not_called()
    right = {"username": "alice", "password": password}
    assert client.post(PATH, right, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert client.post(PATH, right, REMOTE_ADDR="192.0.2.2").status_code == 200


def test_one_address_may_try_twenty_names(
    client: APIClient, alice: User, settings: Settings
) -> None:
    settings.RATE_LIMITS = LIMITS
    names = [f"user_{n}" for n in range(21)]
    tried = [_statuses(client, 1, name, "192.0.2.1") for name in names]
    assert tried == [[401]] * 20 + [[429]]
    assert _statuses(client, 1, "user_20", "192.0.2.2") == [401]


def test_one_name_may_be_tried_a_hundred_times_from_everywhere(
    client: APIClient, alice: User, settings: Settings
) -> None:
    settings.RATE_LIMITS = LIMITS
    tried = [_statuses(client, 1, "alice", f"192.0.2.{n}") for n in range(101)]
    assert tried == [[401]] * 100 + [[429]]
    assert _statuses(client, 1, "bob", "192.0.2.100") == [401]


def test_a_body_that_is_no_log_in_counts_for_the_address(
    client: APIClient, db: None, settings: Settings
) -> None:
    settings.RATE_LIMITS = LIMITS
    forms = [{}, {"username": ["x"]}, {"username": None}, {"username": 1}]
    tried = [client.post(PATH, forms[n % 4]).status_code for n in range(21)]
    assert tried == [400] * 20 + [429]
