"""What a browser or a proxy may keep."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User

LOGIN, REFRESH = "/api/v1/auth/login/", "/api/v1/auth/refresh/"
ME, FEED = "/api/v1/users/me/", "/api/v1/feed/"
Ask = Callable[[Client, str], object]
NOT_KEPT: dict[str, tuple[int, Ask]] = {
    "log-in": (200, lambda one, word: one.post(LOGIN, {"username": "alice", "password": word})),
    "refused log-in": (401, lambda one, _: one.post(LOGIN, {"username": "alice", "password": "x"})),
    "bad input": (400, lambda one, _: one.post(REFRESH, {})),
    "profile": (200, lambda one, _: one.get(ME)),
    "deletion": (204, lambda one, word: one.delete(ME, {"password": word})),
    "export": (200, lambda one, _: one.get(f"{ME}export/")),
    "later page of the feed": (200, lambda one, _: one.get(FEED, {"cursor": "9"})),
    "nowhere": (404, lambda one, _: one.get("/api/v1/nothing/")),
    "foreign host": (400, lambda one, _: one.get(ME, headers={"host": "evil.example"})),
    "admin": (302, lambda one, _: one.get("/admin/")),
    "log-in of the admin": (200, lambda one, _: one.get("/admin/login/")),
}


@pytest.mark.parametrize("kind", NOT_KEPT)
def test_nothing_personal_is_kept(
    as_alice: APIClient, alice: User, password: str, kind: str
) -> None:
    status, ask = NOT_KEPT[kind]
    response = ask(as_alice, password)
    assert response.status_code == status  # type: ignore[attr-defined]
    assert "no-store" in response.headers["Cache-Control"]  # type: ignore[attr-defined]


def test_nor_are_the_pages_of_the_admin(admin_client: Client) -> None:
    response = admin_client.get("/admin/")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", [FEED, "/api/schema/", "/static/admin/css/base.css"])
def test_what_is_asked_for_again_and_again_is(
    as_alice: APIClient, settings: Settings, path: str
) -> None:
    settings.WHITENOISE_USE_FINDERS = True
    response = as_alice.get(path)
    assert response.status_code == 200
    assert "no-store" not in response.headers["Cache-Control"]
    response.close()
