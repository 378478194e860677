from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_user
from accounts.tokens import issue_tokens

PASSWORD = "correct horse battery staple"  # noqa: S105


@pytest.fixture(autouse=True)
def _test_settings(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path  # whitenoise warns when there is none
    # The real hasher takes a third of a second, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def password() -> str:
    """Everybody's password."""
    return PASSWORD


@pytest.fixture
def alice(db: None) -> User:
    return _user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return _user("bob")


@pytest.fixture
def carol(db: None) -> User:
    return _user("carol")


def _user(username: str) -> User:
    return create_user(
        username=username,
        password_hash=make_password(PASSWORD),
        display_name=username.capitalize(),
    )


@pytest.fixture
def client() -> APIClient:
    """Somebody without a token."""
    return APIClient()


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    def log_in(user: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user)['access']}")
        return client

    return log_in


@pytest.fixture
def as_alice(alice: User, as_user: Callable[[User], APIClient]) -> APIClient:
    return as_user(alice)


@pytest.fixture
def as_bob(bob: User, as_user: Callable[[User], APIClient]) -> APIClient:
    return as_user(bob)


@pytest.fixture
def explain() -> Callable[[Callable[[], object]], str]:
    """What MySQL says about each query of a read, one plan a line."""

    def run(read: Callable[[], object]) -> str:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read()
        with connection.cursor() as cursor:
            plans = []
            for query in queries.captured_queries:
                cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {query['sql']}")
                plans += cursor.fetchall()
        return "\n".join(map(str, plans))

    return run
