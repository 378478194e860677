import pytest
from django.core.management import call_command
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


RESERVED = ["admin", "adm1n", "_a_d_m_i_n_", "4dmin", "Support24", "r00t", "0fficial"]


@pytest.mark.parametrize("username", RESERVED)
def test_a_name_that_would_pass_for_the_staff_is_refused(
    client: APIClient, password: str, username: str
) -> None:
    response = client.post(PATH, {"username": username, "password": password})
    assert response.status_code == 400
    [error] = response.json()["errors"]
    assert error == {"field": "username", "message": "This name is reserved."}
    like = {"username": f"{username}x", "password": password}
    assert client.post(PATH, like).status_code == 201


@pytest.mark.parametrize("username", ["newsfeed_", "newsfeed_team", "team_n3wsfeed"])
def test_a_name_with_that_of_the_service_in_it_is_refused(
    client: APIClient, password: str, username: str
) -> None:
    assert client.post(PATH, {"username": username, "password": password}).status_code == 400
    like = {"username": username.replace("f", "d"), "password": password}
    assert client.post(PATH, like).status_code == 201


def test_an_operator_may_have_it(db: None, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    call_command("createsuperuser", username="admin", email="a@example.org", interactive=False)
    assert User.objects.get().username == "admin"


WEAK = ["short1!", "12345678901", "password", "dave_the_great", 123.5, "\u1112\u1161\u11ab" * 3]
WEAK += [
    "newsfeed2026!",
    "N3wsf33d-123",
    "deefswen2026!",
    "taerg_eht_evad",
    "d4ve.Kim.99",
    "김데이브-2026",
    "민준2026!a",
]


@pytest.mark.parametrize("weak", WEAK)
def test_a_weak_password_is_refused(client: APIClient, weak: object) -> None:
    form = {"username": "dave_the_great", "display_name": "Dave Kim 김데이브 민준"}
    response = client.post(PATH, form | {"password": weak})
    assert response.status_code == 400
    assert {error["field"] for error in response.json()["errors"]} == {"password"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("username", "password"),
    [("dave", "dave reads newsfeed on trains"), ("tom", "tomorrow9!"), ("ann", "Planning99")],
)
def test_a_password_may_hold_a_name(client: APIClient, username: str, password: str) -> None:
    form = {"username": username, "password": password}
    assert client.post(PATH, form).status_code == 201


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
