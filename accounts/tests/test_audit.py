"""What the log tells of log-ins and accounts."""

import logging
from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens

AUTH, ME = "/api/v1/auth/", "/api/v1/users/me/"
NEW = "battery horse staple correct"


def _post(client: APIClient, path: str, **form: str) -> int:
    return client.post(f"{AUTH}{path}/", form).status_code


def _change(client: APIClient, current: str) -> int:
    return _post(client, "password", current_password=current, new_password=NEW)


@pytest.mark.django_db(transaction=True)
def test_what_happens_to_an_account_is_told_with_its_id(
    as_user: Callable[[User], APIClient],
    alice: User,
    password: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    refresh = issue_tokens(alice)["refresh"]
    caplog.set_level(logging.INFO, "accounts.audit")
    for word in ("wrong", password):
        _post(APIClient(), "login", username="alice", password=word)
        Client().post("/admin/login/", {"username": "alice", "password": word})
    for agent in ("one", "another"):
        APIClient().post(f"{AUTH}refresh/", {"refresh": refresh}, headers={"user-agent": agent})
    _post(as_user(alice), "logout-all")
    alice.refresh_from_db()
    for word in ("wrong", password):
        _change(as_user(alice), word)
    alice.refresh_from_db()
    for word in ("wrong", NEW):
        as_user(alice).delete(ME, {"password": word})
    _post(APIClient(), "login", username="hunter2-hunter2", password="x")
    records = [record for record in caplog.records if record.name == "accounts.audit"]
    assert [(one.getMessage(), getattr(one, "via", None)) for one in records] == [
        ("authn_login_fail", "api"),
        ("authn_login_fail", "admin"),
        ("authn_login_success", "api"),
        ("authn_login_success", "admin"),
        ("authn_token_reuse", None),
        ("authn_logout_all", None),
        ("authn_password_change_fail", None),
        ("authn_password_change", None),
        ("user_delete_fail", None),
        ("user_deleted", None),
        ("authn_login_fail", "api"),
    ]
    accounts = [vars(one)["account"] for one in records]
    assert accounts == [alice.pk] * 10 + [None]
    assert len(vars(records[-1])["name_hash"]) == 16
    assert "hunter2" not in str([vars(one) for one in records])
