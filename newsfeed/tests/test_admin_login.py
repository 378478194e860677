"""The log-in of the admin: its second factor, its lock-out and its path."""

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
    assert "Please enter your OTP token." in page.content.decode()
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


def test_five_wrong_passwords_lock_the_form_and_not_the_api(
    browser: Client, client: APIClient, staff: User, password: str
) -> None:
    api = {"username": "alice", "password": password}
    for _ in range(6):
        assert client.post("/api/v1/auth/login/", api | {"password": "x"}).status_code == 401
    assert [_log_in(browser, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert _log_in(Client(), password) == 429
    assert client.post("/api/v1/auth/login/", api).status_code == 200


def test_another_address_is_not_locked_out(
    browser: Client, staff: User, password: str, settings: Settings
) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    attacker = {"X-Forwarded-For": "10.0.0.1, 203.0.113.7"}
    for n in range(5):
        # What the client itself sends before the proxy's entry changes nothing.
        _log_in(browser, "wrong", **{"X-Forwarded-For": f"10.0.0.{n}, 203.0.113.7"})
    assert _log_in(browser, password, **attacker) == 429
    assert _log_in(browser, password, **{"X-Forwarded-For": "198.51.100.1"}) == 302


def test_the_admin_is_where_the_settings_say(staff: User) -> None:
    assert reverse("admin:index") == INDEX
