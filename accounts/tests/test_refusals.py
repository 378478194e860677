"""Answers 401 are counted by address or session, and keep nobody out who has a good token."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import User
from accounts.services import end_all_sessions
from accounts.tokens import issue_tokens

FEED, ME = "/api/v1/feed/", "/api/v1/users/me/"
REFRESH, LOG_OUT = "/api/v1/auth/refresh/", "/api/v1/auth/logout/"


def _forged(**header: str) -> str:
    return jwt.encode({"user_id": "1"}, "x" * 32, "HS256", headers=header)


def _get(client: APIClient, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return client.get(FEED, headers=headers).status_code


REFUSED: dict[str, Callable[[APIClient], int]] = {
    "no token": lambda client: client.get(FEED).status_code,
    "no JWT": lambda client: _get(client, "x"),
    "wrong signature": lambda client: _get(client, _forged(kid=keys.signing_key().kid)),
    "unknown kid": lambda client: _get(client, _forged(kid=uuid4().hex)),
    "log-out": lambda client: client.post(LOG_OUT, {}).status_code,
    "refresh": lambda client: client.post(REFRESH, {"refresh": _forged(kid="x")}).status_code,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_flood_of_refusals_ends_in_429_and_asks_mysql_for_nothing(
    client: APIClient, as_alice: APIClient, settings: Settings, kind: str
) -> None:
    settings.RATE_LIMITS = "default=100/m,unauthorized=3/m"
    assert REFUSED[kind](client) == 401  # and what there is to load is loaded
    with CaptureQueriesContext(connection) as queries:
        assert [REFUSED[kind](client) for _ in range(3)] == [401, 401, 429]
    assert not queries.captured_queries
    refusal = client.get(ME)
    assert refusal.status_code == 429
    assert int(refusal.headers["Retry-After"]) > 30
    assert refusal.headers["RateLimit-Policy"] == "3;w=60"
    assert client.get(ME, REMOTE_ADDR="192.0.2.7").status_code == 401
    assert as_alice.get(ME).status_code == 200, "a good token is no part of this limit"


def test_a_session_that_has_ended_is_counted_too(
    alice: User, as_alice: APIClient, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=100/m,unauthorized=2/m"
    end_all_sessions(alice.pk)
    assert [as_alice.get(ME).status_code for _ in range(3)] == [401, 401, 429]


def test_phones_behind_one_address_hear_that_their_tokens_have_expired(
    as_user: Callable[[User], APIClient], alice: User, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=100/m,unauthorized=1/m"
    one, other = as_user(alice), as_user(alice)
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert [phone.get(ME).status_code for phone in (one, other, one)] == [401, 401, 429]


def test_neighbours_of_who_floods_refresh_as_before(
    client: APIClient, alice: User, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=3/m"
    flood = [client.post(REFRESH, {"refresh": "x"}).status_code for _ in range(4)]
    assert flood == [401, 401, 401, 429]
    form = {"refresh": issue_tokens(alice)["refresh"]}
    assert client.post(REFRESH, form).status_code == 200
