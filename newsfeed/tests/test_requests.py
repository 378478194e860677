"""The id and the log line of a request."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed import logs

ME = "/api/v1/users/me/"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What was logged since the last call, as it leaves the process."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json"))
    logging.getLogger().addHandler(handler)

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    yield read
    logging.getLogger().removeHandler(handler)


def _line_of_request(lines: Lines) -> dict[str, Any]:
    (line,) = [line for line in lines() if line["event"] == "request"]
    return line


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
def test_a_sane_id_is_kept(client: APIClient, given: str) -> None:
    assert client.get("/ping", headers={"x-request-id": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ä", "a\tb", "a;b", "<script>"])
def test_another_id_is_replaced(client: APIClient, given: str) -> None:
    made = client.get("/ping", headers={"x-request-id": given}).headers["X-Request-ID"]
    assert made != given
    assert len(made) == 32


def test_each_request_has_an_id_of_its_own(client: APIClient) -> None:
    assert len({client.get("/ping").headers["X-Request-ID"] for _ in range(3)}) == 3


def test_a_request_is_one_line(as_alice: APIClient, alice: User, lines: Lines) -> None:
    response = as_alice.get(f"/api/v1/users/{alice.pk}/posts/", {"cursor": "7"})
    line = _line_of_request(lines)
    assert 0 < line.pop("ms") < 5_000
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "newsfeed.api.requests",
        "request_id": response.headers["X-Request-ID"],
        "address": "127.0.0.1",
        "user": alice.pk,
        "method": "GET",
        "route": "api/v1/users/<int:user_id>/posts/",
        "status": 200,
    }


def test_a_request_to_nowhere_has_no_route(client: APIClient, lines: Lines) -> None:
    assert client.get("/nothing?token=abc").status_code == 404
    line = _line_of_request(lines)
    assert (line["status"], line["route"], line["user"]) == (404, None, None)


def test_a_user_of_the_admin_is_named_without_a_query(
    admin_client: Client, admin_user: User, lines: Lines
) -> None:
    admin_client.get("/admin/")
    assert _line_of_request(lines)["user"] == admin_user.pk
    with CaptureQueriesContext(connection) as queries:
        admin_client.get("/ping")
    assert _line_of_request(lines)["user"] is None
    assert len(queries) == 0


def test_what_goes_wrong_in_a_request_carries_its_id(as_alice: APIClient, lines: Lines) -> None:
    as_alice.raise_request_exception = False
    with patch("accounts.sessions.find_session_user", side_effect=KeyError("x")):
        response = as_alice.get(ME, headers={"x-request-id": "abc"})
    assert response.headers["X-Request-ID"] == "abc"
    written = lines()
    assert {line["request_id"] for line in written} == {"abc"}
    assert any("KeyError" in line.get("exception", "") for line in written)
    assert [line["status"] for line in written if line["event"] == "request"] == [500]


def test_outside_of_requests_there_is_no_id(client: APIClient, lines: Lines) -> None:
    client.get("/ping")
    lines()
    logging.getLogger("x").info("hello %s", "you")
    (line,) = lines()
    assert line["event"] == "hello you"
    assert not line.keys() & {"request_id", "address"}


SECRET = "hunter2-s3cr3t"
JWT = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"
TEXTS = [
    f"Authorization: Bearer {SECRET}",
    f"sent Bearer {JWT} again",
    f"the token was {JWT}",
    f"{{'password': '{SECRET}', 'username': 'alice'}}",
    f'{{"refresh_token": "{SECRET}"}}',
    f"password={SECRET}&username=alice",
    f"Cookie: sessionid={SECRET}; csrftoken={SECRET}",
    f"mysql://newsfeed:{SECRET}@db/newsfeed does not answer",
    f"JWT_SIGNING_KEY={SECRET}",
    f"Basic {SECRET}",
]


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("text", TEXTS)
def test_secrets_in_a_text_are_masked(text: str, form: str) -> None:
    assert SECRET in text or JWT in text
    for written in _written(form, text), _written(form, "%s", text), _raised(form, text):
        assert SECRET not in written
        assert JWT not in written
        assert logs.MASK in written


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("name", ["password", "Authorization", "access_token", "HTTP_COOKIE"])
def test_secrets_in_a_field_are_masked(name: str, form: str) -> None:
    for field in {name: SECRET}, {"one": {name: SECRET}}, {"two": [{name: SECRET}]}:
        written = _written(form, "x", **field)
        assert SECRET not in written
        assert logs.MASK in written
    assert SECRET in _written(form, "x", other=SECRET)


@pytest.mark.parametrize("form", logs.FORMATS)
def test_other_texts_stay_as_they_are(form: str) -> None:
    text = (
        "feed of user 7 not invalidated; the consumer will: ConnectionError('tcp://127.0.0.1:6379')"
    )
    assert text in _written(form, text)


def _written(form: str, text: str, *arguments: str, **fields: Any) -> str:
    record = logging.makeLogRecord({"msg": text, "args": arguments, "name": "x"} | fields)
    return logs.formatter(form).format(record)


def _raised(form: str, text: str) -> str:
    try:
        raise ValueError(text)
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "failed", "name": "x"})
        record.exc_info = (ValueError, error, error.__traceback__)
        return logs.formatter(form).format(record)


def test_no_secret_of_a_request_is_logged(
    client: APIClient, alice: User, password: str, lines: Lines
) -> None:
    logged_in = client.post(
        "/api/v1/auth/login/", {"username": "alice", "password": password}
    ).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {logged_in['access']}")
    client.raise_request_exception = False
    with patch("discovery.views.get_profile", side_effect=KeyError(logged_in["refresh"])):
        assert (
            client.get(ME, {"token": logged_in["access"], "q": "a-private-matter"}).status_code
            == 500
        )
    written = json.dumps(lines())
    assert '"status": 500' in written
    for secret in (password, logged_in["access"], logged_in["refresh"], "a-private-matter"):
        assert secret not in written
