import logging
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import timedelta
from io import StringIO

import jwt
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import keys
from accounts.models import SigningKey, User
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens
from tests.time_limits import SetLimits

REFRESH = "/api/v1/auth/refresh/"
HEADER = "X-Token-Refresh-Needed"


def _rotate(*options: str) -> str:
    out = StringIO()
    call_command("rotate_jwt_keys", *options, stdout=out)
    # As in a process that has just started, or half a minute later.
    keys.ring.reset()
    return out.getvalue()


def _age(**age: int) -> None:
    SigningKey.objects.filter(is_primary=True).update(created_at=timezone.now() - timedelta(**age))


def _end_grace() -> None:
    SigningKey.objects.filter(is_primary=None).update(verifies_until=timezone.now())
    keys.ring.reset()


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def test_a_key_is_replaced_when_it_is_due(alice: User) -> None:
    old = _kid(issue_tokens(alice)["access"])
    _age(days=89, hours=23)
    assert _rotate() == "nothing is due\n"
    _age(days=90)
    new = SigningKey.objects.exclude(kid=old)
    assert _rotate() == f"sign with {new.get().kid}\n"
    assert _kid(issue_tokens(alice)["access"]) == new.get().kid
    assert _rotate() == "nothing is due\n"
    assert SigningKey.objects.get(is_primary=True) == new.get()


def test_the_first_run_makes_the_first_key(alice: User) -> None:
    assert _rotate().startswith("sign with ")
    assert _kid(issue_tokens(alice)["access"]) == SigningKey.objects.get().kid


def test_an_old_token_is_good_in_grace_and_asks_to_be_refreshed(
    client: APIClient, alice: User
) -> None:
    tokens = issue_tokens(alice)
    session = bearer(tokens["access"])
    response = session.get(ME)
    assert (response.status_code, response.headers.get(HEADER)) == (200, None)
    _rotate("--force")
    response = session.get(ME)
    assert (response.status_code, response.headers.get(HEADER)) == (200, "true")
    assert session.get("/api/v1/users/0/").headers.get(HEADER) == "true"

    fresh = client.post(REFRESH, {"refresh": tokens["refresh"]}).json()
    response = bearer(fresh["access"]).get(ME)
    assert (response.status_code, response.headers.get(HEADER)) == (200, None)


def test_an_old_token_is_refused_after_the_grace(client: APIClient, alice: User) -> None:
    tokens = issue_tokens(alice)
    session = bearer(tokens["access"])
    _rotate("--force")
    assert session.get(ME).status_code == 200
    _end_grace()
    assert session.get(ME).status_code == 401
    assert client.post(REFRESH, {"refresh": tokens["refresh"]}).status_code == 401
    retired = SigningKey.objects.get(is_primary=None)
    assert _rotate() == f"remove {retired.kid}\n"
    assert SigningKey.objects.count() == 1
    assert session.get(ME).status_code == 401


def test_the_grace_is_longer_than_any_token_lives(alice: User) -> None:
    issue_tokens(alice)
    _rotate("--force")
    verifies_until = SigningKey.objects.get(is_primary=None).verifies_until
    assert verifies_until
    assert timedelta(days=30) < verifies_until - timezone.now() < timedelta(days=32)


def test_keys_that_are_known_to_others_are_refused_at_once(client: APIClient, alice: User) -> None:
    issue_tokens(alice)
    _rotate("--force")
    tokens = issue_tokens(alice)
    assert bearer(tokens["access"]).get(ME).status_code == 200
    assert _rotate("--compromised").count("remove ") == 2
    assert bearer(tokens["access"]).get(ME).status_code == 401
    assert client.post(REFRESH, {"refresh": tokens["refresh"]}).status_code == 401
    assert bearer(issue_tokens(alice)["access"]).get(ME).status_code == 200


def test_a_dry_run_changes_nothing(alice: User) -> None:
    issue_tokens(alice)
    before = list(SigningKey.objects.values())
    assert _rotate("--dry-run") == "nothing is due\n"
    assert _rotate("--dry-run", "--force") == "would sign with a new key\n"
    (kid,) = [row["kid"] for row in before]
    assert _rotate("--dry-run", "--compromised") == (
        f"would sign with a new key\nwould remove {kid}\n"
    )
    assert list(SigningKey.objects.values()) == before


def test_a_key_of_another_process_is_found_at_once(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue_tokens(alice)
    knows_only_the_first = copy(keys.ring)
    _rotate("--force")
    access = issue_tokens(alice)["access"]
    monkeypatch.setattr(keys, "ring", knows_only_the_first)
    assert bearer(access).get(ME).status_code == 200


def test_keys_that_nobody_has_cost_a_query_a_second(
    alice: User, monkeypatch: pytest.MonkeyPatch, set_limits: SetLimits
) -> None:
    issue_tokens(alice)
    with CaptureQueriesContext(connection) as queries:
        assert [keys.verifying_key(f"{n}") for n in range(9)] == [None] * 9
    assert len(queries) == 1
    knows_only_the_first = copy(keys.ring)
    _rotate("--force")
    access = issue_tokens(alice)["access"]
    monkeypatch.setattr(keys, "ring", knows_only_the_first)
    set_limits(unknown_keys=0)
    assert bearer(access).get(ME).status_code == 200


def test_keys_are_read_again_after_half_a_minute(alice: User, set_limits: SetLimits) -> None:
    session = bearer(issue_tokens(alice)["access"])
    assert session.get(ME).status_code == 200
    SigningKey.objects.all().delete()
    assert session.get(ME).status_code == 200
    set_limits(signing_keys=-1)
    assert session.get(ME).status_code == 401
    assert not SigningKey.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("start", [keys.signing_key, lambda: keys.rotate(force=True)])
def test_processes_that_begin_at_once_make_one_key(start: object) -> None:
    def run(_: int) -> None:
        try:
            start()  # type: ignore[operator]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert SigningKey.objects.filter(is_primary=True).count() == 1


def test_no_key_is_in_a_log_or_a_repr(
    alice: User, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bearer(issue_tokens(alice)["access"]).get(ME)
    row, key = SigningKey.objects.get(), keys.signing_key()
    index = admin_client.get("/admin/").content.decode()
    for text in (repr(row), str(row), repr(key), repr(vars(keys.ring)), caplog.text, index):
        for secret in (row.seed, key.secret):
            assert repr(secret) not in text
            assert secret.hex() not in text
    assert "Users" in index
    assert "igning key" not in index
    assert "efresh token" not in index
