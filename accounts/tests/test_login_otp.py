"""The second factor of the API's log-in: what it gives, and what it does not tell."""

from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.conftest import ME, bearer
from accounts.totp import enroll
from tests.second_factor import token_of

LOGIN = "/api/v1/auth/login/"
WHY = "/api/v1/feeds/1/why/1/"
NEW = "battery horse staple correct"


@pytest.fixture
def staff(alice: User) -> User:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    enroll(alice)
    return alice


def _log_in(password: str, **form: str) -> dict[str, str]:
    response = APIClient().post(LOGIN, {"username": "alice", "password": password, **form})
    assert response.status_code == 200
    tokens: dict[str, str] = response.json()
    return tokens


def _statuses(tokens: dict[str, str]) -> tuple[int, int]:
    """Of the staff's endpoint, where there is no such user, and of one for everybody."""
    client = bearer(tokens["access"])
    return client.get(WHY).status_code, client.get(ME).status_code


def _refresh(tokens: dict[str, str], _: str) -> dict[str, str]:
    form = {"refresh": tokens["refresh"]}
    refreshed: dict[str, str] = APIClient().post("/api/v1/auth/refresh/", form).json()
    return refreshed


def _new_password(tokens: dict[str, str], password: str) -> dict[str, str]:
    form = {"current_password": password, "new_password": NEW}
    answer = bearer(tokens["access"]).post("/api/v1/auth/password/", form)
    changed: dict[str, str] = answer.json()
    return changed


GO_ON: list[Callable[[dict[str, str], str], dict[str, str]]] = [
    lambda tokens, _: tokens,
    _refresh,
    _new_password,
]


@pytest.mark.parametrize("go_on", GO_ON, ids=["at first", "refreshed", "with a new password"])
@pytest.mark.parametrize(("factor", "status"), [("otp", 404), ("", 403)])
def test_the_rights_of_the_staff_need_the_second_factor(
    staff: User,
    password: str,
    go_on: Callable[[dict[str, str], str], dict[str, str]],
    factor: str,
    status: int,
) -> None:
    form = {factor: token_of(staff)} if factor else {}
    assert _statuses(go_on(_log_in(password, **form), password)) == (status, 200)


def test_staff_without_a_device_need_none_unless_everybody_does(
    alice: User, password: str, settings: Settings
) -> None:
    User.objects.update(is_staff=True)
    tokens = _log_in(password)
    assert _statuses(tokens) == (404, 200)
    settings.ADMIN_TOTP_REQUIRED = True
    assert _statuses(tokens) == (403, 200)


def test_a_second_factor_gives_no_rights(staff: User, password: str) -> None:
    User.objects.update(is_staff=False)
    assert _statuses(_log_in(password, otp=token_of(staff))) == (403, 200)


def test_a_wrong_one_is_refused_like_a_wrong_password(
    client: APIClient, staff: User, bob: User, password: str
) -> None:
    right = token_of(staff)
    refused = [
        client.post(LOGIN, {"username": name, "password": word, "otp": otp})
        for name, word, otp in [
            ("alice", "wrong", right),
            ("alice", password, "000000"),
            ("alice", password, "six"),
            ("bob", password, right),
            ("nobody", password, right),
        ]
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.content for answer in refused}) == 1


def test_each_one_works_once(client: APIClient, staff: User, password: str) -> None:
    form = {"username": "alice", "password": password, "otp": token_of(staff)}
    assert [client.post(LOGIN, form).status_code for _ in range(2)] == [200, 401]
