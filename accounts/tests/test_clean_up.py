from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.utils import timezone

from accounts import clean_up, known_clients
from accounts.known_clients import remember
from accounts.models import RefreshToken, RevokedToken, User
from accounts.tokens import issue_tokens


def _clean_up(*options: str) -> list[str]:
    out = StringIO()
    call_command("clean_up", *options, stdout=out)
    return out.getvalue().splitlines()


def _counts() -> list[int]:
    return [table._default_manager.count() for table in clean_up.TABLES]


@pytest.fixture
def old_and_new(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five expired rows in each table, and two that are needed."""
    monkeypatch.setattr(known_clients, "ADDRESSES", 9)
    for age, number in (40, 5), (0, 2):
        with time_machine.travel(timezone.now() - timedelta(days=age)):
            for n in range(number):
                issue_tokens(alice)
                remember(alice, f"{age} {n}")
                AccessAttempt.objects.create(username="alice", failures_since_start=1)
                admin = SessionStore()
                admin.set_expiry(timedelta(days=30))
                admin.create()
            soon = timezone.now() + timedelta(minutes=30)
            RevokedToken.objects.bulk_create(
                RevokedToken(jti=f"{age} {n}", expires_at=soon) for n in range(number)
            )


@pytest.mark.usefixtures("old_and_new")
def test_what_has_expired_goes_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean_up, "CHUNK", 2)
    assert _clean_up() == [
        "deleted 5 rows of auth_refresh_tokens",
        "deleted 5 rows of auth_revoked_tokens",
        "deleted 5 rows of auth_known_addresses",
        "deleted 7 rows of axes_accessattempt",
        "deleted 5 rows of django_session",
    ]
    assert _counts() == [2, 2, 2, 0, 2]
    assert not RefreshToken.objects.filter(expires_at__lte=timezone.now()).exists()
    assert _clean_up()[0] == "deleted 0 rows of auth_refresh_tokens"


@pytest.mark.usefixtures("old_and_new")
def test_a_dry_run_deletes_nothing() -> None:
    assert _clean_up("--dry-run") == [
        "would delete 5 rows of auth_refresh_tokens",
        "would delete 5 rows of auth_revoked_tokens",
        "would delete 5 rows of auth_known_addresses",
        "would delete 7 rows of axes_accessattempt",
        "would delete 5 rows of django_session",
    ]
    assert _counts() == [7] * 5
