import pytest
from rest_framework.test import APIClient

from accounts.models import User

PATH = "/api/v1/users/me/"


def test_me_is_the_profile_of_whoever_asks(as_alice: APIClient, as_bob: APIClient) -> None:
    assert as_alice.get(PATH).json()["username"] == "alice"
    assert as_bob.get(PATH).json()["username"] == "bob"


def test_the_display_name_can_be_changed(as_alice: APIClient, alice: User, bob: User) -> None:
    response = as_alice.patch(PATH, {"display_name": "앨리스"})
    assert response.status_code == 200
    assert response.json()["display_name"] == "앨리스"
    assert as_alice.get(f"/api/v1/users/{alice.pk}/").json()["display_name"] == "앨리스"
    assert as_alice.get(f"/api/v1/users/{bob.pk}/").json()["display_name"] == "Bob"


def test_nothing_else_can_be_changed(as_alice: APIClient, alice: User) -> None:
    form = {"display_name": "A", "username": "eve", "is_staff": True, "id": 1, "password": "x"}
    response = as_alice.patch(PATH, form)
    assert response.status_code == 400
    named = [error["field"] for error in response.json()["errors"]]
    assert named == ["username", "is_staff", "id", "password"]
    before, after = alice, User.objects.get(pk=alice.pk)
    assert (after.username, after.is_staff, after.password) == ("alice", False, before.password)
    assert after.display_name == "Alice"
    assert as_alice.patch(PATH, {"display_name": "A"}).status_code == 200


def test_a_display_name_that_shows_nothing_is_none(as_alice: APIClient) -> None:
    assert as_alice.patch(PATH, {"display_name": " \u3164\u200b"}).json()["display_name"] == ""


@pytest.mark.parametrize("name", ["Alice\nAdmin", "\x1b[31mAlice", "\u202enimda", "a\u2066b"])
def test_a_display_name_is_one_line_that_turns_nothing(as_alice: APIClient, name: str) -> None:
    response = as_alice.patch(PATH, {"display_name": name})
    assert response.status_code == 400
    assert "U+" in response.json()["errors"][0]["message"]
    assert as_alice.get(PATH).json()["display_name"] == "Alice"


@pytest.mark.parametrize("form", [{}, {"display_name": "x" * 51}, {"display_name": None}])
def test_a_bad_display_name_is_refused(as_alice: APIClient, form: dict[str, object]) -> None:
    response = as_alice.patch(PATH, form)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "display_name"
    assert as_alice.get(PATH).json()["display_name"] == "Alice"


def test_nobody_has_no_profile(client: APIClient) -> None:
    assert client.get(PATH).status_code == 401
    assert client.patch(PATH, {"display_name": "x"}).status_code == 401
