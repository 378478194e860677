"""Strangers who guess a password are limited, and do not keep its owner out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts import known_clients
from accounts.login_limits import reserve
from accounts.models import KnownAddress, User
from newsfeed.redis.client import RedisUnavailable

PATH = "/api/v1/auth/login/"
HOME, AWAY = "192.0.2.1", "198.51.100.1"


@pytest.fixture(autouse=True)
def _few(settings: Settings) -> None:
    settings.RATE_LIMITS = (
        "default=100/m,login=5/m,login-address=20/m,login-username=3/h,login-known=2/h"
    )


def _log_in(password: str, address: str = HOME, username: str = "alice", **more: str) -> Any:
    form = {"username": username, "password": password} | more
    return APIClient().post(PATH, form, REMOTE_ADDR=address)


def _use_up(username: str = "alice") -> None:
    """By strangers, the limit of a name."""
    tried = [_log_in("wrong", f"203.0.113.{n}", username).status_code for n in range(4)]
    assert tried == [401, 401, 401, 429]


def test_a_place_that_is_given_back_is_left_in_the_headers_too(alice: User, password: str) -> None:
    left = [_log_in(word).headers["RateLimit-Remaining"] for word in (password, "wrong", password)]
    assert left == ["3", "2", "2"]


def test_what_is_no_guess_uses_up_nothing_of_a_name(alice: User, password: str) -> None:
    for n in range(9):
        harmless = _log_in("", f"203.0.113.{n}"), _log_in("x" * 129, f"203.0.113.{n}")
        assert [answer.status_code for answer in harmless] == [400, 400]
    assert [_log_in(password).status_code for _ in range(9)] == [200] * 9, "nor do right ones"
    _use_up()


def test_who_has_logged_in_from_an_address_gets_in_there(
    alice: User, bob: User, password: str
) -> None:
    assert _log_in(password, HOME).status_code == 200
    _use_up()
    _use_up("bob")
    assert _log_in(password, AWAY).status_code == 429
    assert _log_in(password, HOME, "bob").status_code == 429, "bob has never been there"
    assert [_log_in(password, HOME).status_code for _ in range(4)] == [200] * 4


@pytest.mark.parametrize(
    ("limits", "reason"), [("login=1/m", "login"), ("login-address=1/m", "login-address")]
)
def test_a_refused_log_in_is_told_with_the_limit_and_without_the_name(
    alice: User, settings: Settings, caplog: pytest.LogCaptureFixture, *, limits: str, reason: str
) -> None:
    settings.RATE_LIMITS = f"default=100/m,login=5/m,login-address=9/m,login-username=9/h,{limits}"
    caplog.set_level("INFO", "accounts.audit")
    assert [_log_in("wrong", "2001:db8::1").status_code for _ in range(2)] == [401, 429]
    told = [one for one in caplog.records if one.name == "accounts.audit"][-1]
    assert told.getMessage() == "authn_login_fail_max"
    assert {"via": "api", "limit": reason, "account": None}.items() <= vars(told).items()
    assert len(vars(told)["name_hash"]) == 16
    assert "alice" not in str(vars(told))


def test_a_known_address_has_a_limit_too(alice: User, password: str) -> None:
    _log_in(password)
    _use_up()
    assert [_log_in("wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert _log_in(password).status_code == 429


def test_a_phone_is_known_wherever_it_is(alice: User, bob: User, password: str) -> None:
    device = _log_in(password).json()["device"]
    bobs = _log_in(password, username="bob").json()["device"]
    _use_up()
    for token in ("", bobs, f"{device}x", "x:y:z", "é"):
        assert _log_in(password, AWAY, device=token).status_code == 429
    again = _log_in(password, AWAY, device=device)
    assert again.status_code == 200
    later = _log_in("wrong", AWAY, device=again.json()["device"])
    assert [later.status_code, _log_in("wrong", AWAY, device=device).status_code] == [401, 401]
    assert _log_in(password, AWAY, device=device).status_code == 429, "one device, one limit"


def test_a_device_that_has_guessed_too_often_is_a_stranger(alice: User, password: str) -> None:
    device = _log_in(password).json()["device"]
    tried = [_log_in("wrong", AWAY, device=device).status_code for _ in range(6)]
    assert tried == [401] * 5 + [429]


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 429)])
def test_an_address_is_known_for_thirty_days(
    alice: User, password: str, *, days: int, status: int
) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=days)):
        _log_in(password)
    _use_up()
    assert _log_in(password).status_code == status


def test_of_an_account_the_newest_addresses_are_kept_and_none_can_be_read(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_clients, "ADDRESSES", 2)
    for user, address in (bob, HOME), (alice, "a"), (alice, "b"), (alice, "a"), (alice, "c"):
        known_clients.remember(user, address)
    known = [known_clients.is_known_address("alice", address) for address in ("a", "b", "c")]
    assert known == [True, False, True]
    assert known_clients.is_known_address("bob", HOME)
    assert KnownAddress.objects.count() == 3
    assert HOME not in str(list(KnownAddress.objects.values()))


def test_of_a_hundred_guesses_at_once_no_more_are_looked_at_than_the_limit_admits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("accounts.login_limits.is_known_address", lambda *_: False)  # MySQL's part
    with ThreadPoolExecutor(20) as guessers:
        places = guessers.map(lambda n: reserve("alice", f"203.0.113.{n}")[-1], range(100))
        assert sum(place.admitted for place in places) == 3


def test_a_log_in_that_the_server_could_not_try_is_given_back(
    alice: User, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("accounts.views.log_in", _away)
        for _ in range(4):
            with pytest.raises(RedisUnavailable):
                _log_in(password, AWAY)
    assert _log_in(password, AWAY).status_code == 200


def _away(**_: str) -> User:
    raise RedisUnavailable


def test_a_flood_at_a_name_costs_no_more_queries_than_its_address_may_guess(
    alice: User, password: str, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=100/m,login=9/m,login-address=2/m,login-username=1/h"
    assert _log_in("wrong", AWAY).status_code == 401
    with CaptureQueriesContext(connection) as queries:
        assert [_log_in("wrong", HOME).status_code for _ in range(9)] == [429] * 9
    assert len(queries) == 2
