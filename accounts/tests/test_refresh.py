import base64
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens

PATH = "/api/v1/auth/refresh/"


def test_a_refresh_token_gives_a_working_access_token(client: APIClient, alice: User) -> None:
    response = client.post(PATH, {"refresh": issue_tokens(alice)["refresh"]})
    assert response.status_code == 200
    assert set(response.json()) == {"access"}
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
    assert client.get("/api/v1/users/me/").json()["id"] == alice.pk


def test_an_access_token_does_not_refresh(client: APIClient, alice: User) -> None:
    response = client.post(PATH, {"refresh": issue_tokens(alice)["access"]})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_refresh_token_lives_thirty_days(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    with time_machine.travel(timezone.now() + timedelta(days=29, hours=23)):
        assert client.post(PATH, {"refresh": refresh}).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=30, hours=1)):
        assert client.post(PATH, {"refresh": refresh}).status_code == 401


def test_an_inactive_user_cannot_refresh(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    assert client.post(PATH, {"refresh": refresh}).status_code == 200
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.post(PATH, {"refresh": refresh}).status_code == 401


def test_a_deleted_user_cannot_refresh(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    alice.delete()
    assert client.post(PATH, {"refresh": refresh}).status_code == 401


def _deeply_nested_header() -> str:
    """PyJWT reads it before it checks the signature."""
    header = base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=")
    return f"{header}.e30.e30"


@pytest.mark.parametrize("refresh", ["x", "a.b.c", "토큰", _deeply_nested_header()])
def test_what_is_no_token_is_unauthorized(client: APIClient, refresh: str) -> None:
    assert client.post(PATH, {"refresh": refresh}).status_code == 401


@pytest.mark.parametrize("form", [{}, {"refresh": ""}, {"refresh": 1}, {"refresh": None}])
def test_a_missing_token_is_named(client: APIClient, form: dict[str, object]) -> None:
    response = client.post(PATH, form)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "refresh"
