"""How passwords are hashed, and what becomes of those who want it at the same time."""

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.core.signals import request_started
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from accounts import passwords, services
from accounts.models import User
from accounts.serializers import PasswordField
from accounts.tests.conftest import ME, bearer
from tests.time_limits import SetLimits

LOGIN = "/api/v1/auth/login/"
PASSWORD = "/api/v1/auth/password/"
NEW = "battery horse staple correct"
HASHERS = django_settings.PASSWORD_HASHERS  # before a test has others
ARGON2ID = "argon2$argon2id$v=19$m=19456,t=2,p=1$"


@pytest.fixture
def real_hashers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 1_000)  # a million take their time


@pytest.fixture
def old_hash(real_hashers: None, password: str) -> str:
    return make_password(password, hasher="pbkdf2_sha256")


def _logs_in(password: str) -> bool:
    form = {"username": "alice", "password": password}
    return APIClient().post(LOGIN, form).status_code == 200


@pytest.mark.parametrize("kind", ["pbkdf2_sha256", "pbkdf2_sha1", "scrypt", "argon2"])
def test_a_log_in_replaces_a_hash_of_an_older_kind(
    as_alice: APIClient,
    alice: User,
    password: str,
    real_hashers: None,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as older:
        older.setattr(passwords.Argon2id, "memory_cost", 102_400)
        alice.password = make_password(password, hasher=kind)
    alice.save(update_fields=["password"])
    assert not _logs_in("wrong")
    assert not User.objects.get().password.startswith(ARGON2ID)
    assert _logs_in(password)
    assert User.objects.get().password.startswith(ARGON2ID)
    assert _logs_in(password)
    assert as_alice.get(ME).status_code == 200


COMPOSED = "caf\u00e9 \ud55c\uae00 au lait"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED).replace(" ", "\u00a0")
both_ways = pytest.mark.parametrize(
    ("one", "other"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)]
)


@both_ways
@pytest.mark.usefixtures("db", "real_hashers")
def test_a_password_that_was_set_on_one_device_works_on_another(one: str, other: str) -> None:
    assert _post("signup", username="alice", password=one) == 201
    assert _logs_in(other)
    assert _logs_in(one)
    assert not _logs_in(one.replace("\u00e9", "e").replace("e\u0301", "e"))
    assert _admin_log_in(other) == 200
    User.objects.update(is_staff=True)
    assert _admin_log_in(other) == 302
    access = APIClient().post(LOGIN, {"username": "alice", "password": one}).json()["access"]
    form = {"current_password": other, "new_password": f"{one}!"}
    assert bearer(access).post(PASSWORD, form).status_code == 200
    assert _logs_in(f"{other}!")


def test_a_password_is_measured_in_the_form_that_is_hashed() -> None:
    longest = unicodedata.normalize("NFD", 128 * "각")
    assert PasswordField().run_validation(longest) == longest
    with pytest.raises(ValidationError, match="128 characters"):
        PasswordField().run_validation(129 * "각")


@both_ways
def test_a_hash_of_before_takes_the_form_it_was_made_of_and_the_normal_one(
    alice: User, real_hashers: None, one: str, other: str
) -> None:
    User.objects.update(password=make_password(one, hasher="pbkdf2_sha256"))
    assert _logs_in(other) == (one == COMPOSED)
    assert _logs_in(one)
    assert User.objects.get().password.startswith(ARGON2ID)
    assert _logs_in(other)


def test_an_older_hash_is_tried_twice_at_most(alice: User, real_hashers: None) -> None:
    alice.password = make_password(COMPOSED, hasher="pbkdf2_sha256")
    for wrong, tries in (("plain", 1), (DECOMPOSED[1:], 2)):
        with patch.object(passwords, "check_password", wraps=check_password) as tried:
            assert not alice.check_password(wrong)
        assert tried.call_count == tries


def test_a_deleted_account_costs_one_hash_as_any_other(alice: User, real_hashers: None) -> None:
    alice.set_unusable_password()
    with patch.object(passwords.Argon2id, "encode", autospec=True, return_value="x") as encode:
        assert not alice.check_password("e\u0301")
    assert encode.call_count == 1, "the time would tell that there was such an account"


def test_an_upgrade_does_not_bring_an_old_password_back(
    alice: User, old_hash: str, password: str
) -> None:
    User.objects.update(password=old_hash)
    as_read_before = User.objects.get()
    alice.set_password(NEW)
    alice.save()
    assert as_read_before.check_password(password)
    assert (_logs_in(password), _logs_in(NEW)) == (False, True)


def test_an_upgrade_meanwhile_does_not_stand_in_the_way_of_a_new_password(
    as_alice: APIClient, old_hash: str, password: str
) -> None:
    User.objects.update(password=old_hash)

    def be_overtaken(new: str) -> str:
        User.objects.update(password=make_password(password))
        return make_password(new)

    form = {"current_password": password, "new_password": NEW}
    with patch.object(services, "hash_password", be_overtaken):
        assert as_alice.post(PASSWORD, form).status_code == 200
    assert (_logs_in(password), _logs_in(NEW)) == (False, True)


def _admin_log_in(password: str) -> int:
    form = {"username": "alice", "password": password, "next": "/admin/"}
    response = Client(raise_request_exception=False).post("/admin/login/", form)
    assert (response.status_code == 503) == ("Retry-After" in response.headers)
    return response.status_code


HASHES: dict[str, tuple[Callable[[APIClient, str], int], int]] = {
    "sign-up": (lambda _, word: _post("signup", username="bob", password=word), 201),
    "log-in": (lambda _, word: _post("login", username="alice", password=word), 200),
    "log-in of nobody": (lambda _, word: _post("login", username="x", password=word), 401),
    "log-in at the admin": (lambda _, word: _admin_log_in(word), 302),
    "deletion": (lambda alice, word: alice.delete(ME, {"password": word}).status_code, 204),
    "deletion by POST": (
        lambda alice, word: alice.post(f"{ME}deletion/", {"password": word}).status_code,
        204,
    ),
    "change": (
        lambda alice, word: (
            alice.post(PASSWORD, {"current_password": word, "new_password": NEW}).status_code
        ),
        200,
    ),
}


def _post(endpoint: str, **form: str) -> int:
    response = APIClient().post(f"/api/v1/auth/{endpoint}/", form)
    assert (response.status_code == 503) == ("Retry-After" in response.headers)
    return response.status_code


@pytest.fixture(params=["no place to wait", "the one before takes too long"])
def busy(request: pytest.FixtureRequest, set_limits: SetLimits) -> ExitStack:
    """A block in which half of the threads wait, or one hash takes longer than anybody waits."""
    stack = ExitStack()
    if request.param == "no place to wait":
        for _ in range(1 + django_settings.WEB_THREADS // 2):
            assert passwords._places.acquire(blocking=False)
            stack.callback(passwords._places.release)
    else:
        set_limits(password_turn=0)
        stack.enter_context(passwords._turn)
    return stack


@pytest.fixture
def asked() -> Iterator[list[bytes]]:
    """How requests begin."""
    lines: list[bytes] = []

    def note(environ: dict[str, str], **_: object) -> None:
        lines.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode())

    request_started.connect(note)
    yield lines
    request_started.disconnect(note)


@pytest.mark.parametrize(("ask", "granted"), HASHES.values(), ids=HASHES)
def test_what_hashes_has_threads_of_its_own(
    as_alice: APIClient,
    password: str,
    ask: Callable[[APIClient, str], int],
    granted: int,
    asked: list[bytes],
) -> None:
    User.objects.update(is_staff=True)
    assert ask(as_alice, password) == granted
    as_alice.get(ME)
    assert [line.startswith(django_settings.PASSWORD_REQUESTS) for line in asked] == [True, False]


@pytest.mark.parametrize(("ask", "granted"), HASHES.values(), ids=HASHES)
def test_who_finds_no_turn_is_told_to_come_again(
    as_alice: APIClient,
    alice: User,
    password: str,
    ask: Callable[[APIClient, str], int],
    granted: int,
    busy: ExitStack,
) -> None:
    User.objects.update(is_staff=True)
    with busy:
        assert ask(as_alice, password) == 503
        assert as_alice.get(ME).status_code == 200
    assert ask(as_alice, password) == granted
