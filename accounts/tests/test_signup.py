import pytest
from rest_framework.test import APIClient

from accounts.models import User

PATH = "/api/v1/auth/signup/"


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    pass


def test_signing_up_answers_the_new_user_who_can_log_in(client: APIClient, password: str) -> None:
    form = {"username": "dave_1", "password": password, "display_name": "데이브 🙂"}
    response = client.post(PATH, form)
    assert response.status_code == 201
    user = User.objects.get(username="dave_1")
    assert response.json() == {"id": user.pk, "username": "dave_1", "display_name": "데이브 🙂"}
    login = client.post("/api/v1/auth/login/", {"username": "dave_1", "password": password})
    assert login.status_code == 200


def test_a_display_name_may_be_left_out(client: APIClient, password: str) -> None:
    response = client.post(PATH, {"username": "dave", "password": password})
    assert response.json()["display_name"] == ""


@pytest.mark.parametrize(
    "username", ["ab", "a" * 31, "bób", "bo b", "b@b", "bob\0", "", None, 12345]
)
def test_a_username_outside_the_pattern_is_refused(
    client: APIClient, password: str, username: object
) -> None:
    response = client.post(PATH, {"username": username, "password": password})
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"username"}
    assert not User.objects.exists()
    assert client.post(PATH, {"username": "bob", "password": password}).status_code == 201


@pytest.mark.parametrize("written", ["Dave_1", "@dave_1", " dave_1\n"])
def test_a_name_is_kept_in_its_one_form(client: APIClient, password: str, written: str) -> None:
    response = client.post(PATH, {"username": written, "password": password})
    assert response.status_code == 201
    assert response.json()["username"] == "dave_1"
    assert client.post(PATH, {"username": "dave_1", "password": password}).status_code == 409


@pytest.mark.parametrize("weak", ["short1!", "12345678901", "password", "dave_the_great", 123.5])
def test_a_weak_password_is_refused(client: APIClient, weak: object) -> None:
    response = client.post(PATH, {"username": "dave_the_great", "password": weak})
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"password"}
    assert not User.objects.exists()


def test_every_missing_field_is_named(client: APIClient) -> None:
    response = client.post(PATH, {})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["username", "password"]


@pytest.mark.parametrize("display_name", ["x" * 51, "nul\0", ["list"]])
def test_a_bad_display_name_is_refused(
    client: APIClient, password: str, display_name: object
) -> None:
    form = {"username": "dave", "password": password, "display_name": display_name}
    response = client.post(PATH, form)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "display_name"


def test_a_taken_username_is_a_conflict(client: APIClient, alice: User, password: str) -> None:
    response = client.post(PATH, {"username": alice.username, "password": password})
    assert response.status_code == 409
    assert response.json()["detail"] == "This username is taken."
    assert User.objects.count() == 1


def test_a_stale_token_does_not_stand_in_the_way(client: APIClient, password: str) -> None:
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert client.post(PATH, {"username": "dave", "password": password}).status_code == 201
