from unittest.mock import Mock, patch

import pytest
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from pytest_django.fixtures import Settings
from rest_framework.exceptions import ParseError
from rest_framework.test import APIClient

from newsfeed.api.json import JSONParser

LOGIN = "/api/v1/auth/login/"
ME = "/api/v1/users/me/"


def _send(
    client: APIClient, body: bytes, content_type: str = "application/json"
) -> dict[str, object]:
    """The problem a log-in with this body ends in."""
    response = client.generic("POST", LOGIN, body, content_type)  # type: ignore[arg-type]
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, object] = response.json()
    assert problem["status"] == response.status_code
    return problem


def test_a_problem_says_what_where_and_why(as_alice: APIClient) -> None:
    response = as_alice.get("/api/v1/posts/1/")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such post.",
        "instance": "/api/v1/posts/1/",
    }


def test_a_validation_problem_names_each_field(client: APIClient) -> None:
    assert _send(client, b'{"username": 1}') == {
        "type": "/problems/validation",
        "title": "Invalid input",
        "status": 400,
        "detail": "username: Not a valid string. password: This field is required.",
        "instance": LOGIN,
        "errors": [
            {"field": "username", "message": "Not a valid string."},
            {"field": "password", "message": "This field is required."},
        ],
    }


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/", "/api/v1/users/me", "/%FF%00", "/%F0%9F%98%80/", "//x"]
)
def test_an_unknown_path_is_a_problem(client: APIClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404
    assert response.json()["instance"].isascii()


def test_a_wrong_method_is_told_the_right_ones(as_alice: APIClient) -> None:
    response = as_alice.put(ME)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/ping", "/livez", "/readyz"])
def test_a_wrong_method_outside_the_api_is_a_problem_too(path: str) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    assert browser.options(path).status_code == 405
    response = browser.post(path)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe",
        b'{"username": "\xff"}',
        b'{"username": "\\ud800"}',
        b'{"username": NaN}',
        b'{"username": 1e999}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 20_000,
    ],
)
def test_a_body_that_is_no_json_is_a_bad_request(client: APIClient, body: bytes) -> None:
    assert _send(client, body)["status"] == 400


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"[1]", "an array"), (b'"x"', "a string"), (b"1.5", "a number"), (b"null", "null")],
)
def test_json_that_is_no_object_is_named(client: APIClient, body: bytes, name: str) -> None:
    assert _send(client, body)["detail"] == f"The body must be a JSON object, not {name}."


def test_a_body_may_not_be_larger_than_the_limit(client: APIClient, settings: Settings) -> None:
    body = b'{"username": ""}'
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body)
    assert _send(client, body)["status"] == 400
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(body) - 1
    assert _send(client, body)["status"] == 413


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "x"])
def test_another_content_type_is_unsupported(client: APIClient, content_type: str) -> None:
    assert _send(client, b"{}")["status"] == 400
    assert _send(client, b"{}", content_type)["status"] == 415


def test_a_body_cut_off_is_a_bad_request() -> None:
    with pytest.raises(ParseError):
        JSONParser().parse(Mock(read=Mock(side_effect=UnreadablePostError)))


def test_the_options_of_a_view_are_json(as_alice: APIClient) -> None:
    response = as_alice.options(ME)
    assert response.status_code == 200
    assert response.json()["parses"] == ["application/json"]


def test_another_format_is_not_acceptable(as_alice: APIClient) -> None:
    response = as_alice.get(ME, headers={"accept": "application/xml"})
    assert response.status_code == 406
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_foreign_host_is_a_bad_request(client: APIClient) -> None:
    response = client.get(ME, headers={"host": "evil.example"})
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert b"evil" not in response.content


@pytest.mark.parametrize("error", [OperationalError(2006, "gone"), InterfaceError(0, "")])
def test_a_database_that_is_away_is_unavailable(as_alice: APIClient, error: Exception) -> None:
    with patch("accounts.sessions.find_session_user", side_effect=error):
        response = as_alice.get(ME)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert as_alice.get(ME).status_code == 200


def test_a_bug_is_a_problem_without_details(as_alice: APIClient) -> None:
    as_alice.raise_request_exception = False
    with patch("accounts.sessions.find_session_user", side_effect=KeyError("secret")):
        response = as_alice.get(ME)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in response.content
