"""The admin's form for one's own password: a stolen session is no unlimited check of it."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import User

PATH = "/admin/password_change/"
NEW = "another horse 77"


def _change(browser: Client, old: str, new: str = NEW) -> int:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    return browser.post(PATH, form).status_code


def test_wrong_passwords_are_counted_by_session(
    admin_user: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RATE_LIMITS = "default=100/m,password=2/m"
    thief, owner = Client(), Client()
    thief.force_login(admin_user)
    owner.force_login(admin_user)
    assert [_change(thief, "wrong") for _ in range(3)] == [200, 200, 429]
    assert _change(thief, "password") == 429

    assert [_change(owner, "password", "weak") for _ in range(3)] == [200, 200, 200]
    assert _change(owner, "password") == 302
    told = [one.message for one in caplog.records if one.name == "accounts.audit"]
    assert told == [*["authn_password_change_fail"] * 2, "authn_password_change"]
