import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import timedelta
from hashlib import sha256
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import RefreshToken, User
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens

PATH = "/api/v1/auth/refresh/"
ROUNDS = int(os.environ.get("REFRESH_ROUNDS", "10"))


def test_a_refresh_token_gives_a_working_access_token(client: APIClient, alice: User) -> None:
    response = client.post(PATH, {"refresh": issue_tokens(alice)["refresh"]})
    assert response.status_code == 200
    assert set(response.json()) == {"access", "refresh"}
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {response.json()['access']}")
    assert client.get("/api/v1/users/me/").json()["id"] == alice.pk


def test_an_access_token_does_not_refresh(client: APIClient, alice: User) -> None:
    response = client.post(PATH, {"refresh": issue_tokens(alice)["access"]})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_refresh_token_lives_thirty_days(client: APIClient, alice: User) -> None:
    early, late = (issue_tokens(alice)["refresh"] for _ in range(2))
    with time_machine.travel(timezone.now() + timedelta(days=29, hours=23)):
        assert client.post(PATH, {"refresh": early}).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=30, hours=1)):
        assert client.post(PATH, {"refresh": late}).status_code == 401


def test_an_inactive_user_cannot_refresh(client: APIClient, alice: User) -> None:
    response = client.post(PATH, {"refresh": issue_tokens(alice)["refresh"]})
    assert response.status_code == 200
    User.objects.filter(pk=alice.pk).update(is_active=False)
    response = client.post(PATH, {"refresh": response.json()["refresh"]})
    assert response.status_code == 401
    assert response.headers["X-Relogin-Required"] == "true"


def test_a_deleted_user_cannot_refresh(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    alice.delete()
    assert client.post(PATH, {"refresh": refresh}).status_code == 401


def test_the_new_refresh_token_gives_the_next_one(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    for _ in range(3):
        response = client.post(PATH, {"refresh": refresh})
        assert response.status_code == 200
        refresh = response.json()["refresh"]


def _refresh(token: str, client: str = "a phone") -> Any:
    return APIClient().post(PATH, {"refresh": token}, headers={"User-Agent": client})


def test_a_refresh_token_that_comes_again_ends_its_family(
    as_user: Callable[[User], APIClient], alice: User
) -> None:
    other_session = as_user(alice)
    first = issue_tokens(alice)
    second = _refresh(first["refresh"]).json()
    third = _refresh(second["refresh"]).json()
    living = [bearer(tokens["access"]) for tokens in (first, second, third)]
    assert [one.get(ME).status_code for one in living] == [200, 200, 200]

    response = _refresh(first["refresh"])
    assert response.status_code == 401
    assert response.headers["X-Relogin-Required"] == "true"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert [one.get(ME).status_code for one in living] == [401, 401, 401]
    assert _refresh(third["refresh"]).status_code == 401
    assert other_session.get(ME).status_code == 200


def test_a_client_that_has_lost_its_answer_gets_the_same_again(alice: User) -> None:
    first = issue_tokens(alice)["refresh"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        lost = _refresh(first).json()
        clock.shift(9)
        again = _refresh(first)
        assert (again.status_code, again.json()) == (200, lost)
        assert RefreshToken.objects.count() == 2
        clock.shift(3600)
        assert _refresh(lost["refresh"]).status_code == 200


def _later(_: str, __: str, clock: Any) -> Any:
    clock.shift(11)
    return "a phone"


def _elsewhere(*_: object) -> str:
    return "curl"


def _after_the_successor(_: str, successor: str, __: object) -> str:
    assert _refresh(successor).status_code == 200
    return "a phone"


def _after_a_log_out(access: str, *_: object) -> str:
    assert bearer(access).post("/api/v1/auth/logout/").status_code == 204
    return "a phone"


@pytest.mark.parametrize("replay", [_later, _elsewhere, _after_the_successor, _after_a_log_out])
def test_a_token_that_comes_again_later_or_from_another_client_ends_its_family(
    alice: User, replay: Callable[[str, str, Any], str]
) -> None:
    first = issue_tokens(alice)["refresh"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        second = _refresh(first).json()
        assert _refresh(first).json() == second
        client = replay(second["access"], second["refresh"], clock)
        assert _refresh(first, client).status_code == 401
    assert bearer(second["access"]).get(ME).status_code == 401
    assert not RefreshToken.objects.filter(revoked_at=None).exists()


def test_the_same_again_is_signed_with_the_same_key(alice: User) -> None:
    first = issue_tokens(alice)["refresh"]
    lost = _refresh(first).json()
    old = keys.signing_key()
    keys.rotate(force=True)
    keys.ring.reload()
    assert keys.signing_key() != old
    assert _refresh(first).json() == lost


def test_the_same_again_comes_from_a_process_that_has_yet_to_hear_of_the_key(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, before = issue_tokens(alice)["refresh"], copy(keys.ring)
    keys.rotate(force=True)
    keys.ring.reload()
    lost = _refresh(first).json()
    monkeypatch.setattr(keys, "ring", before)
    assert _refresh(first).json() == lost


@pytest.mark.django_db(transaction=True)
def test_of_sixteen_requests_with_one_token_all_get_the_same(alice: User) -> None:
    def refresh(token: str) -> str:
        try:
            gate.wait()
            response = _refresh(token)
            assert response.status_code == 200
            return str(response.json())
        finally:
            connection.close()

    gate = Barrier(16)
    with ThreadPoolExecutor(16) as pool:
        for _ in range(ROUNDS):
            RefreshToken.objects.all().delete()
            token = issue_tokens(alice)["refresh"]
            assert len(set(pool.map(refresh, [token] * 16))) == 1
            assert RefreshToken.objects.filter(used_at=None).count() == 1
            assert RefreshToken.objects.count() == 2


def test_only_hashes_of_refresh_tokens_are_stored(client: APIClient, alice: User) -> None:
    refresh = issue_tokens(alice)["refresh"]
    (row,) = RefreshToken.objects.values()
    assert row["token_hash"] == sha256(refresh.encode()).hexdigest()
    signature = refresh.rpartition(".")[2]
    assert not [value for value in row.values() if signature in str(value)]


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
