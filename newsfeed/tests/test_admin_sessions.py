"""What ends a session at the admin."""

from collections.abc import Callable
from io import StringIO
from unittest.mock import patch

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import reinstate_user, suspend_user
from tests.second_factor import token_of

INDEX = "/admin/"
NEW = "battery horse staple correct"


@pytest.fixture
def alice(alice: User) -> User:
    alice.is_staff = True
    alice.save()
    return alice


def _browser(password: str, token: str = "") -> Client:
    browser = Client()
    form = {"username": "alice", "password": password, "otp_token": token, "next": INDEX}
    assert browser.post("/admin/login/", form).status_code == 302
    return browser


def _is_inside(browser: Client) -> bool:
    return browser.get(INDEX).status_code == 200


def _suspend_and_reinstate(user: User, *_: object) -> None:
    suspend_user(user.pk)
    reinstate_user(user.pk)


def _change_password(_: User, api: APIClient, password: str, __: Client) -> None:
    form = {"current_password": password, "new_password": NEW}
    assert api.post("/api/v1/auth/password/", form).status_code == 200


def _changepassword(*_: object) -> None:
    with patch("getpass.getpass", return_value=NEW):
        call_command("changepassword", "alice", stdout=StringIO())


def _delete(_: User, api: APIClient, password: str, __: Client) -> None:
    assert api.delete("/api/v1/users/me/", {"password": password}).status_code == 204


def _take_rights_and_give_them_back(user: User, _: object, __: str, admin: Client) -> None:
    path = f"/admin/accounts/user/{user.pk}/change/"
    for form in ({}, {"is_staff": "on"}):
        answer = admin.post(path, {"username": "alice", "display_name": "Alice", **form})
        assert answer.status_code == 302


def _enroll(*_: object) -> None:
    call_command("enroll_totp", "alice", stdout=StringIO())


ENDS: dict[str, Callable[[User, APIClient, str, Client], object]] = {
    "log-out of all": lambda _, api, *__: api.post("/api/v1/auth/logout-all/"),
    "suspension, also after the reinstatement": _suspend_and_reinstate,
    "new password": _change_password,
    "new password by command": _changepassword,
    "deletion": _delete,
    "rights, also when they are given back": _take_rights_and_give_them_back,
    "first device": _enroll,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_the_sessions_of_the_api_ends_those_of_the_admin(
    admin_client: Client,
    as_alice: APIClient,
    alice: User,
    password: str,
    end: Callable[[User, APIClient, str, Client], object],
) -> None:
    browser = _browser(password)
    assert _is_inside(browser)
    end(alice, as_alice, password, admin_client)
    assert not _is_inside(browser)
    assert as_alice.get("/api/v1/users/me/").status_code == 401
    assert _is_inside(admin_client)


@pytest.mark.parametrize("end", [_enroll, lambda: TOTPDevice.objects.get().delete()])
def test_a_session_does_not_outlive_the_device_it_was_begun_with(
    alice: User, password: str, end: Callable[[], object]
) -> None:
    _enroll()
    browser = _browser(password, token_of(alice))
    assert _is_inside(browser)
    end()
    assert not _is_inside(browser)


def test_who_changes_the_own_password_there_stays_in_that_session_only(
    alice: User, password: str
) -> None:
    browser, other = _browser(password), _browser(password)
    form = {"old_password": password, "new_password1": NEW, "new_password2": NEW}
    assert browser.post("/admin/password_change/", form).status_code == 302
    assert (_is_inside(browser), _is_inside(other)) == (True, False)


@pytest.mark.parametrize(
    ("minutes", "inside"),
    [([9, 18, 24], [True] * 3), ([11], [False]), ([9, 18, 26, 27], [True, True, False, False])],
    ids=["in use", "idle", "old"],
)
def test_a_session_ends_when_nobody_uses_it_and_some_time_after_the_log_in(
    alice: User, password: str, settings: Settings, minutes: list[int], inside: list[bool]
) -> None:
    settings.ADMIN_IDLE_SECONDS, settings.ADMIN_SESSION_SECONDS = 10 * 60, 25 * 60
    with time_machine.travel("2026-11-30 12:00", tick=False) as clock:
        browser, seen = _browser(password), []
        for minute in minutes:
            clock.move_to(f"2026-11-30 12:{minute:02}")
            seen.append(_is_inside(browser))
    assert seen == inside


def test_a_session_that_does_not_tell_when_it_began_is_over(alice: User, password: str) -> None:
    browser = _browser(password)
    session = browser.session
    assert session.pop("began")
    session.save()
    assert not _is_inside(browser)
