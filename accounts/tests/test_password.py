from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens

PATH = "/api/v1/auth/password/"
LOGIN = "/api/v1/auth/login/"
NEW = "battery horse staple correct"
pytestmark = pytest.mark.django_db(transaction=True)


def _form(current: str, new: str = NEW) -> dict[str, object]:
    return {"current_password": current, "new_password": new}


def _logs_in(password: str) -> bool:
    form = {"username": "alice", "password": password}
    return APIClient().post(LOGIN, form).status_code == 200


def test_the_new_password_replaces_the_old_one(as_alice: APIClient, password: str) -> None:
    assert (_logs_in(password), _logs_in(NEW)) == (True, False)
    form = {"current_password": password, "new_password": NEW}
    assert as_alice.post(PATH, form).status_code == 200
    assert (_logs_in(password), _logs_in(NEW)) == (False, True)


def test_all_sessions_end_and_the_answer_begins_a_new_one(
    client: APIClient, as_alice: APIClient, alice: User, password: str
) -> None:
    others = issue_tokens(alice)
    other = bearer(others["access"])
    assert (as_alice.get(ME).status_code, other.get(ME).status_code) == (200, 200)
    form = {"current_password": password, "new_password": NEW}
    tokens = as_alice.post(PATH, form).json()
    assert (as_alice.get(ME).status_code, other.get(ME).status_code) == (401, 401)
    refresh = "/api/v1/auth/refresh/"
    assert client.post(refresh, {"refresh": others["refresh"]}).status_code == 401
    assert set(tokens) == {"access", "refresh"}
    assert bearer(tokens["access"]).get(ME).status_code == 200
    assert client.post(refresh, {"refresh": tokens["refresh"]}).status_code == 200


def test_a_wrong_password_changes_nothing(as_alice: APIClient, password: str) -> None:
    response = as_alice.post(PATH, {"current_password": "wrong", "new_password": NEW})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["current_password"]
    assert (_logs_in(password), _logs_in(NEW)) == (True, False)
    assert as_alice.get(ME).status_code == 200


@pytest.mark.parametrize("weak", ["short1!", "12345678901", "password", "alice_al", 1, None])
def test_a_weak_password_is_refused(as_alice: APIClient, password: str, weak: object) -> None:
    response = as_alice.post(PATH, {"current_password": password, "new_password": weak})
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"new_password"}
    assert _logs_in(password)


def test_missing_fields_are_named(as_alice: APIClient) -> None:
    response = as_alice.post(PATH, {})
    fields = [error["field"] for error in response.json()["errors"]]
    assert (response.status_code, fields) == (400, ["current_password", "new_password"])


def test_who_has_stolen_a_session_cannot_keep_the_owner_from_a_new_password(
    alice: User, as_user: Callable[[User], APIClient], password: str, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=4/m,password=3/m"
    thief, owner = as_user(alice), as_user(alice)
    assert [thief.post(PATH, _form("wrong")).status_code for _ in range(5)] == [400] * 3 + [429] * 2
    assert [thief.post(PATH, {}).status_code for _ in range(4)] == [429] * 4
    assert owner.post(PATH, _form(password)).status_code == 200


def test_only_wrong_passwords_count(as_alice: APIClient, password: str, settings: Settings) -> None:
    settings.RATE_LIMITS = "default=100/m,password=2/m"
    harmless = [{}, _form(""), _form(password, "1234"), _form(password) | {"x": 1}]
    assert [as_alice.post(PATH, form).status_code for form in harmless] == [400] * 4
    answers = [as_alice.post(PATH, _form("wrong")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert answers[-1].headers["RateLimit-Policy"] == "2;w=60"


def test_of_two_changes_at_once_the_second_is_a_conflict(
    as_alice: APIClient, alice: User, password: str
) -> None:
    form = {"current_password": password, "new_password": NEW}

    def be_overtaken(raw: str) -> str:
        alice.set_password("of another request")
        alice.save()
        return "hash"

    with patch.object(services, "hash_password", be_overtaken):
        assert as_alice.post(PATH, form).status_code == 409
    assert _logs_in("of another request")


def test_a_password_set_in_the_admin_ends_all_sessions(
    admin_client: Client, as_alice: APIClient, as_bob: APIClient, alice: User
) -> None:
    assert as_alice.get(ME).status_code == 200
    path = reverse("admin:auth_user_password_change", args=[alice.pk])
    form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert admin_client.post(path, form).status_code == 302
    assert as_alice.get(ME).status_code == 401
    assert as_bob.get(ME).status_code == 200
    assert _logs_in(NEW)


def test_nobody_has_no_password(client: APIClient, password: str) -> None:
    form = {"current_password": password, "new_password": NEW}
    assert client.post(PATH, form).status_code == 401
