"""Without MySQL whatever needs it is answered with 503, and as ever when it is back."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, close_old_connections, connection
from django.http.response import HttpResponseBase
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens
from newsfeed.tests.conftest import Away
from posts.models import Post
from tests.deadline import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ME = "/api/v1/users/me/"
POSTS = "/api/v1/posts/"
TOO_MANY_OF_A_USER = 1226


def _assert_unavailable(response: HttpResponseBase) -> None:
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Content-Type"] == "application/problem+json"


def _endpoints() -> Iterator[tuple[str, str, set[str]]]:
    """Each method and path of the API, and the fields of the body it takes."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {"content": {}})["content"]
            name = str(content and content["application/json"]["schema"]["$ref"]).rpartition("/")[2]
            fields = set(schema["components"]["schemas"].get(name, {}).get("properties", ()))
            yield method, path.format(post_id=1, user_id=1), fields


def test_every_endpoint_is_unavailable_without_mysql(
    as_alice: APIClient, alice: User, mysql_away: Away, password: str
) -> None:
    tokens = issue_tokens(alice)
    form = {"username": "dave", "password": password, "refresh": tokens["refresh"]}
    form |= {"content": "x", "display_name": "x", "reason": "x"}
    form |= {"current_password": password, "new_password": f"{password}!"}
    form |= {"otp": "123456", "device": "x"}
    endpoints = list(_endpoints())
    assert ("post", POSTS, {"content"}) in endpoints
    with mysql_away():
        for method, path, fields in endpoints:
            body = {name: form[name] for name in fields}
            _assert_unavailable(getattr(as_alice, method)(path, body))
    assert as_alice.get(ME).status_code == 200


def test_the_admin_is_unavailable_without_mysql(admin_client: Client, mysql_away: Away) -> None:
    admin_client.raise_request_exception = False
    form = {"username": "admin", "password": "password"}
    with mysql_away():
        for path in ("/admin/", "/admin/posts/post/", "/admin/nothing/"):
            _assert_unavailable(admin_client.get(path))
        _assert_unavailable(Client(raise_request_exception=False).post("/admin/login/", form))
    assert admin_client.get("/admin/").status_code == 200


def test_a_session_that_cannot_be_saved_is_unavailable(
    admin_client: Client, settings: Settings
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True
    admin_client.raise_request_exception = False
    with patch.object(SessionStore, "save", side_effect=OperationalError(2006, "gone")):
        _assert_unavailable(admin_client.get("/admin/"))
    assert admin_client.get("/admin/").status_code == 200


def test_what_needs_no_mysql_is_answered_without(
    client: APIClient, admin_client: Client, mysql_away: Away
) -> None:
    with mysql_away():
        for somebody in (client, admin_client):
            assert somebody.get("/nothing/").status_code == 404
            assert somebody.get("/livez").status_code == 200
        assert client.get(ME).status_code == 401
        assert client.post("/api/v1/auth/login/", {}).status_code == 400


@pytest.fixture
def few_connections(as_alice: APIClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """By a user who may have three: those of other tests stay free."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "USER", "newsfeed_few")
    try:
        connection.ensure_connection()
    except OperationalError as error:
        pytest.skip(f"the server has no such user: {error}")
    yield
    connection.close()


@pytest.mark.usefixtures("few_connections")
def test_a_server_without_a_free_connection_is_unavailable(as_alice: APIClient) -> None:
    assert as_alice.get(ME).status_code == 200
    with ExitStack() as others:
        _take_all_connections(others)
        _assert_unavailable(as_alice.get(ME))
        _assert_unavailable(as_alice.post(POSTS, {"content": "x"}))
    wait_until(lambda: as_alice.get(ME).status_code == 200, 60, "a connection is free")
    assert as_alice.post(POSTS, {"content": "x"}).status_code == 201


def _take_all_connections(others: ExitStack) -> None:
    settings = connection.get_connection_params()
    connection.close()
    for _ in range(10):
        try:
            others.enter_context(closing(MySQLdb.connect(**settings)))
        except MySQLdb.OperationalError as error:
            assert error.args[0] == TOO_MANY_OF_A_USER  # noqa: PT017 - how the loop ends
            return
    pytest.fail("there is no limit")


def _kill_connection() -> None:
    """As the server does with idle ones, and when it stops."""
    victim = connection.connection.thread_id()
    with closing(connection.copy()) as other, other.cursor() as cursor:

        def is_gone() -> bool:
            cursor.execute("SHOW PROCESSLIST")
            return victim not in [row[0] for row in cursor.fetchall()]

        cursor.execute("KILL %s", [victim])
        wait_until(is_gone, 60, "the connection is killed")


def test_a_connection_lost_amid_a_request_is_unavailable_and_the_next_one_works(
    as_alice: APIClient,
) -> None:
    def kill(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT INTO `posts`"):
            _kill_connection()
        return execute(sql, *rest)

    with connection.execute_wrapper(kill):
        _assert_unavailable(as_alice.post(POSTS, {"content": "x"}))
    close_old_connections()  # the server does so between requests
    assert as_alice.get(ME).status_code == 200
    assert not Post.objects.exists()
    assert as_alice.post(POSTS, {"content": "x"}).status_code == 201


def test_a_connection_lost_between_requests_is_not_noticed(as_alice: APIClient) -> None:
    assert as_alice.get(ME).status_code == 200
    lost = connection.connection
    _kill_connection()
    close_old_connections()
    assert as_alice.get(ME).status_code == 200
    assert connection.connection is not lost


WRONG_SQL = ("SELECT 'a' REGEXP '('", "SELECT nothing FROM users", "SELECT 1 FROM nowhere")


@pytest.mark.parametrize("sql", WRONG_SQL)
def test_a_wrong_statement_is_no_outage(as_alice: APIClient, sql: str) -> None:
    def ask_wrongly(execute: Any, _sql: str, _params: Any, *rest: Any) -> Any:
        return execute(sql, None, *rest)

    as_alice.raise_request_exception = False
    with connection.execute_wrapper(ask_wrongly):
        assert as_alice.get(ME).status_code == 500
    assert as_alice.get(ME).status_code == 200
