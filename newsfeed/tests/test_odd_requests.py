"""What no client of ours sends, to the real server: Django's own test client goes around it."""

import encodings
import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from unittest.mock import Mock
from wsgiref.util import setup_testing_defaults

import pytest

from feeds.tests.processes import names
from tests.gunicorn import Gunicorn

LIMIT = 256 * 1024
SIGNUP = "/api/v1/auth/signup/"
PARAMETERS = [
    "charset*=nope''x",  # no such encoding
    "charset=hex",  # it decodes no text
    "charset=undefined",
    "charset=rot13",
    "charset=idna",  # it cannot decode everything
    "charset=utf-16",
    "charset=\xff",
    "x*0=a; x*=b",
    f"x*{'9' * 200}=a",
    ";" * 7_000,
    'charset="',
]


class Answer(NamedTuple):
    response: HTTPResponse
    body: bytes

    def assert_is_problem(self, status: int) -> None:
        assert self.response.status == status, self
        assert self.response.headers["Content-Type"] == "application/problem+json"
        assert json.loads(self.body)["status"] == status


@pytest.fixture(scope="module")
def gunicorn(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """One for all tests, on their database. So they leave no rows there."""
    gunicorn = Gunicorn(tmp_path_factory.mktemp("gunicorn"), LOG_FORMAT="json", **names())
    gunicorn.start()
    try:
        gunicorn.wait_until_ready()
        yield gunicorn
    finally:
        gunicorn.end()


def _send(
    gunicorn: Gunicorn,
    method: str,
    path: str,
    body: bytes | Iterator[bytes] | None = None,
    **headers: str,
) -> Answer:
    """The answer, which has an id, and so has its line in the log."""
    with closing(HTTPConnection("127.0.0.1", gunicorn.port, timeout=60)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        answer = Answer(response, response.read())
    assert f'"request_id":"{response.headers["X-Request-ID"]}"' in gunicorn.log(), answer
    return answer


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_that_cannot_be_read_is_as_good_as_none(
    gunicorn: Gunicorn, parameter: str
) -> None:
    type_ = f"application/json; {parameter}"
    for path in ("/ping", "/ping?x=%FF"):
        assert _send(gunicorn, "GET", path, Content_Type=type_).body == b'{"message": "pong"}'
    _send(gunicorn, "GET", "/api/v1/feed/?cursor=%FF", Content_Type=type_).assert_is_problem(401)
    _send(gunicorn, "GET", "/nothing?x=%FF", Content_Type=type_).assert_is_problem(404)
    body = b'{"username": "dave", "password": "short"}'
    answer = _send(gunicorn, "POST", f"{SIGNUP}?x=%FF", body, Content_Type=type_)
    answer.assert_is_problem(400)
    assert [error["field"] for error in json.loads(answer.body)["errors"]] == ["password"]
    _send(gunicorn, "POST", SIGNUP, Content_Type=type_).assert_is_problem(400)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_nor_does_it_matter_in_what_is_accepted(gunicorn: Gunicorn, parameter: str) -> None:
    for accept in (f"application/json; {parameter}", f"text/html, */*; {parameter}"):
        _send(gunicorn, "GET", "/api/v1/feed/", Accept=accept).assert_is_problem(401)
    refused = _send(gunicorn, "GET", "/api/v1/feed/", Accept=f"text/html; {parameter}")
    refused.assert_is_problem(406)


@pytest.mark.parametrize("type_", ["", ";", "/", "x", "\xff/\xfe", "application/\xff", "a" * 8_000])
def test_a_body_of_no_type_is_refused(gunicorn: Gunicorn, type_: str) -> None:
    assert _send(gunicorn, "GET", "/ping?x=1", Content_Type=type_).response.status == 200
    _send(gunicorn, "POST", SIGNUP, b"{}", Content_Type=type_).assert_is_problem(415)


@pytest.mark.parametrize("boundary", ["", "boundary=", "boundary=x", "boundary*=nope''x"])
@pytest.mark.parametrize("name", ["name=a; filename=b", "name*0=a; name*=b", "name*=nope''x"])
def test_uploads_are_refused_as_no_form_has_any(
    gunicorn: Gunicorn, boundary: str, name: str
) -> None:
    body = f"--x\r\nContent-Disposition: form-data; {name}\r\n\r\ny\r\n--x--\r\n".encode()
    headers = {"Content_Type": f"multipart/form-data; {boundary}"}
    _send(gunicorn, "POST", SIGNUP, body, **headers).assert_is_problem(415)
    headers["Cookie"] = f"csrftoken={'a' * 32}"  # without one the admin reads no form
    _send(gunicorn, "POST", "/admin/login/", body, **headers).assert_is_problem(400)


def test_a_client_cannot_move_the_service_to_another_path(gunicorn: Gunicorn) -> None:
    with closing(HTTPConnection("127.0.0.1", gunicorn.port, timeout=60)) as connection:
        headers = {"SCRIPT_NAME": "/x", "PATH_INFO": "/nothing"}
        connection.request("GET", "/ping", headers=headers)
        assert connection.getresponse().read() == b'{"message": "pong"}'


def test_a_body_in_chunks_is_read_like_another(gunicorn: Gunicorn) -> None:
    chunks = iter([b'{"username": "dave", ', b'"password": "short"}'])
    answer = _send(gunicorn, "POST", SIGNUP, chunks, Content_Type="application/json")
    answer.assert_is_problem(400)
    assert [error["field"] for error in json.loads(answer.body)["errors"]] == ["password"]
    for size, status in ((LIMIT - 2, 400), (LIMIT - 1, 413)):
        chunks = iter([b'"', b"x" * size, b'"'])
        answer = _send(gunicorn, "POST", SIGNUP, chunks, Content_Type="application/json")
        answer.assert_is_problem(status)


def test_a_compressed_body_is_refused(gunicorn: Gunicorn) -> None:
    for coding, status in (("gzip", 415), ("br", 415), ("identity", 400), ("", 400)):
        headers = {"Content_Type": "application/json", "Content_Encoding": coding}
        answer = _send(gunicorn, "POST", SIGNUP, b"{}", **headers)
        answer.assert_is_problem(status)
        accepted = answer.response.headers["Accept-Encoding"]
        assert accepted == ("identity" if status == 415 else None)


@pytest.mark.parametrize(("path", "status"), [("/ping", 200), ("/api/v1/feed/", 401)])
def test_head_is_get_without_its_body_and_no_news(
    gunicorn: Gunicorn, path: str, status: int
) -> None:
    get, head = (_send(gunicorn, method, path) for method in ("GET", "HEAD"))
    assert (get.response.status, head.response.status, head.body) == (status, status, b"")
    changing = {"Date", "X-Request-ID", "RateLimit-Remaining", "RateLimit-Reset"}
    fields = [dict(one.response.getheaders()) for one in (get, head)]
    assert len({str({n: v for n, v in f.items() if n not in changing}) for f in fields}) == 1
    assert fields[0]["Content-Length"] == str(len(get.body))
    assert "no-body response" not in gunicorn.log()


def test_names_of_encodings_that_clients_invent_are_not_remembered() -> None:
    """Python keeps the name of each that it has looked for, also if there is none such."""
    from newsfeed.wsgi import application  # noqa: PLC0415 (it checks the settings, and says so)

    known = vars(encodings)["_cache"]
    before = len(known)
    for n in range(20):
        environ: dict[str, Any] = {
            "HTTP_HOST": "localhost",
            "PATH_INFO": "/api/v1/feed/",
            "CONTENT_TYPE": f"application/json; charset=none{n}; x*=nil{n}''y",
            "HTTP_ACCEPT": f"application/json; x*=zero{n}''y",
        }
        setup_testing_defaults(environ)
        with closing(application(environ, Mock())) as response:
            assert response.status_code == 401
    assert len(known) == before
