"""The log-in of the admin: its second factor, its lock-out and its path."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tests.second_factor import token_of

LOGIN = "/admin/login/"
INDEX = "/admin/"
WRONG = "The name, the password or the token is wrong."


@pytest.fixture
def staff(alice: User) -> User:
    alice.is_staff = True
    alice.save()
    return alice


@pytest.fixture
def browser() -> Client:
    return Client()


def _log_in(browser: Client, password: str, token: str = "", **headers: str) -> int:
    form = {"username": "alice", "password": password, "otp_token": token, "next": INDEX}
    return browser.post(LOGIN, form, headers=headers).status_code


def _enroll(username: str = "alice") -> str:
    out = StringIO()
    call_command("enroll_totp", username, stdout=out)
    return out.getvalue()


def test_a_password_is_enough_for_those_without_a_device(
    browser: Client, staff: User, password: str
) -> None:
    assert _log_in(browser, "wrong") == 200
    assert browser.get(INDEX).status_code == 302
    assert _log_in(browser, password) == 302
    assert browser.get(INDEX).status_code == 200


def test_a_name_is_read_as_people_write_it(browser: Client, staff: User, password: str) -> None:
    form = {"username": " @ALICE", "password": password, "next": INDEX}
    assert browser.post(LOGIN, form).status_code == 302
    assert "otpauth" in _enroll("@Alice")


def test_who_has_enrolled_a_device_needs_a_token(
    browser: Client, staff: User, password: str
) -> None:
    printed = _enroll()
    assert "otpauth://totp/newsfeed" in printed
    assert "█" in printed
    page = browser.post(LOGIN, {"username": "alice", "password": password})
    assert WRONG in page.content.decode()
    assert password not in page.content.decode()
    assert _log_in(browser, password, "000000") == 200
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert browser.get(INDEX).status_code == 302
    assert _log_in(browser, password, token_of(staff)) == 302
    assert browser.get(INDEX).status_code == 200


def test_where_everybody_needs_a_device_an_old_session_is_not_enough(
    browser: Client, staff: User, password: str, settings: Settings
) -> None:
    assert _log_in(browser, password) == 302
    settings.ADMIN_TOTP_REQUIRED = True
    assert browser.get(INDEX).status_code == 302
    assert _log_in(browser, password) == 200
    _enroll()
    assert _log_in(browser, password, token_of(staff)) == 302
    assert browser.get(INDEX).status_code == 200


def test_a_new_device_replaces_the_one_before(browser: Client, staff: User, password: str) -> None:
    _enroll()
    old = token_of(staff)
    _enroll()
    assert _log_in(browser, password, old) == 200
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert _log_in(browser, password, token_of(staff)) == 302


@pytest.mark.parametrize("username", ["bob", "nobody"])
def test_only_staff_is_enrolled(staff: User, bob: User, username: str) -> None:
    with pytest.raises(CommandError, match=f"Nobody on the staff is called '{username}'"):
        _enroll(username)
    assert not TOTPDevice.objects.exists()


def test_every_failure_gets_the_same_answer(
    browser: Client, staff: User, bob: User, password: str
) -> None:
    _enroll()
    tries = [
        ("alice", "wrong", token_of(staff)),
        ("alice", password, "000000"),
        ("alice", password, ""),
        ("bob", password, ""),
        ("nobody", password, ""),
    ]
    pages = set()
    for username, word, token in tries:
        form = {"username": username, "password": word, "otp_token": token}
        page = browser.post(LOGIN, form).content.decode()
        assert WRONG in page
        pages.add(re.sub(rf'name="csrf[^>]*| value="({username}|{token or "-"})"', "", page))
    assert len(pages) == 1


def test_the_form_and_the_api_count_failures_together(
    browser: Client,
    client: APIClient,
    staff: User,
    password: str,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "accounts.audit")
    settings.RATE_LIMITS = "default=100/m,login=5/m,login-address=9/m,login-username=99/h"
    api = {"username": "alice", "password": "wrong"}
    assert [_log_in(Client(), password) for _ in range(6)] == [302] * 6
    assert [_log_in(browser, "") for _ in range(2)] == [200] * 2, "no guess at the name"
    assert [_log_in(browser, "wrong") for _ in range(3)] == [200] * 3
    assert [client.post("/api/v1/auth/login/", api).status_code for _ in range(2)] == [401] * 2
    refusal = browser.post(LOGIN, api)
    assert refusal.status_code == 429
    assert [r.getMessage() for r in caplog.records].count("authn_login_fail_max") == 1
    assert f"Try again in {refusal.headers['Retry-After']} seconds." in refusal.content.decode()
    form = {"username": "nobody", "password": "wrong"}
    assert [browser.post(LOGIN, form).status_code for _ in range(3)] == [200] * 2 + [429]


def test_a_browser_that_has_logged_in_gets_in_although_strangers_guess(
    browser: Client, staff: User, password: str, settings: Settings
) -> None:
    settings.RATE_LIMITS = "default=100/m,login=99/m,login-address=99/m,login-username=2/h"
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    home, away = {"X-Forwarded-For": "[2001:db8::1]:443"}, {"X-Forwarded-For": "198.51.100.1"}
    assert _log_in(browser, password, **home) == 302
    for n in range(2):
        # What the client itself sends before the proxy's entry changes nothing.
        attacker = {"X-Forwarded-For": f"2001:db8::1, 203.0.113.{n}:5"}
        assert _log_in(Client(), "wrong", **attacker) == 200
    assert _log_in(Client(), password, **away) == 429
    assert _log_in(Client(), password, **{"X-Forwarded-For": "2001:db8::2"}) == 302
    assert _log_in(browser, password, **away) == 302
    assert browser.cookies["device"]["httponly"]


def test_the_admin_is_where_the_settings_say(staff: User) -> None:
    assert reverse("admin:index") == INDEX
