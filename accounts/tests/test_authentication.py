from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens

PATH = "/api/v1/users/me/"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Bearer  "])
def test_an_access_token_lets_in(client: APIClient, alice: User, scheme: str) -> None:
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {issue_tokens(alice)['access']}")
    assert client.get(PATH).status_code == 200


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Bearer a b", "Basic YTpi", "Bearer é"]
)
def test_anything_else_is_unauthorized(client: APIClient, header: str) -> None:
    response = client.get(PATH, headers={"authorization": header})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_refresh_token_does_not_let_in(client: APIClient, alice: User) -> None:
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(alice)['refresh']}")
    assert client.get(PATH).status_code == 401


def test_an_access_token_lives_half_an_hour(as_alice: APIClient) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=29)):
        assert as_alice.get(PATH).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert as_alice.get(PATH).status_code == 401


def test_an_inactive_user_is_out_at_once(as_alice: APIClient, alice: User) -> None:
    assert as_alice.get(PATH).status_code == 200
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    assert as_alice.get(PATH).status_code == 401


def test_a_deleted_user_is_out_at_once(as_alice: APIClient, alice: User) -> None:
    assert as_alice.get(PATH).status_code == 200
    alice.delete()
    assert as_alice.get(PATH).status_code == 401
