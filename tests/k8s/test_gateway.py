"""The gateway's nginx.conf under a real nginx, in front of two real gunicorns."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from select import select
from typing import Any
from uuid import uuid4

import pytest

from tests.deadline import wait_until
from tests.gunicorn import Gunicorn
from tests.k8s.nginx import Nginx
from tests.k8s.objects import environment, workload
from tests.k8s.rendering import manifests_of

REQUESTS = "django_http_requests_before_middlewares_total"
# Nobody listens there. What is asked for here needs no servers.
AWAY = {
    "DATABASE_URL": "mysql://newsfeed@127.0.0.1:1/newsfeed",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
}


def _gunicorn(folder: Path, name: str) -> Gunicorn:
    """With the pod's own settings, but for addresses."""
    docs = manifests_of("local")
    given = environment(docs, workload(docs, name).pod["containers"][0])
    del given["WEB_BIND"], given["WEB_METRICS_BIND"]
    return Gunicorn(folder, **given | AWAY)


class Gateway:
    """With the two groups behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read, self.write = (_gunicorn(folder, name) for name in ("api-read", "api-write"))
        self._nginx = Nginx(folder, self.read.port, self.write.port)
        self.port, self._log = self._nginx.port, self._nginx.log

    def start(self, running: ExitStack) -> None:
        servers = (self.read, self.write, self._nginx)
        for server in servers:
            server.start()
            running.callback(server.end)
        for server in servers:
            server.wait_until_ready()

    def lines(self, path: str) -> list[dict[str, Any]]:
        """What it has logged of requests for this path."""
        lines = [json.loads(line) for line in self._log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["path"] == path]

    def connect(self, address: str) -> socket.socket:
        return socket.create_connection(
            ("127.0.0.1", self.port), timeout=60, source_address=(address, 0)
        )

    def refusal(self, address: str) -> http.client.HTTPResponse:
        """The first answer but 200, once it has read what the others have sent."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with closing(
                http.client.HTTPConnection("127.0.0.1", self.port, 60, (address, 0))
            ) as connection:
                connection.request("GET", "/ping", headers={"Host": "localhost"})
                answer = connection.getresponse()
                if answer.status != 200:
                    return answer
        raise AssertionError("it refuses nothing")

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        host: str = "localhost",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Host": host, "Content-Type": "application/json"} | (headers or {})
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    with ExitStack() as running:
        gateway.start(running)
        yield gateway


@pytest.mark.parametrize(
    ("method", "group"),
    [
        ("GET", "read"),
        ("HEAD", "read"),
        ("POST", "write"),
        ("PUT", "write"),
        ("PATCH", "write"),
        ("DELETE", "write"),
        ("OPTIONS", "write"),
    ],
)
def test_reads_and_writes_go_to_their_own_group(gateway: Gateway, method: str, group: str) -> None:
    before = {name: getattr(gateway, name).metric(REQUESTS) for name in ("read", "write")}
    status, _, _ = gateway.ask(method, "/ping")
    assert status == (200 if group == "read" else 405)
    after = {name: getattr(gateway, name).metric(REQUESTS) for name in ("read", "write")}
    assert {name: after[name] - before[name] for name in after} == {
        "read": group == "read",
        "write": group == "write",
    }


def test_the_name_that_was_asked_for_arrives(gateway: Gateway) -> None:
    assert gateway.ask("GET", "/ping", host=f"localhost:{gateway.port}")[0] == 200
    assert gateway.ask("GET", "/ping", host="elsewhere.example.com")[0] == 400


def test_metrics_are_not_to_be_had_through_it(gateway: Gateway) -> None:
    assert gateway.ask("GET", "/metrics")[0] == 404


def test_a_body_that_is_too_large_is_a_problem(gateway: Gateway) -> None:
    status, headers, body = gateway.ask("POST", "/api/v1/posts/", b"x" * (1024 * 1024 + 1))
    assert status == json.loads(body)["status"] == 413
    assert headers["Content-Type"] == "application/problem+json"
    assert gateway.ask("POST", "/ping", b"x" * 512 * 1024)[0] == 405


def test_a_body_that_it_cannot_keep_is_a_problem(gateway: Gateway) -> None:
    spool = gateway.folder / "client_body"
    kept = spool.rename(spool.with_name("kept"))
    status, headers, body = gateway.ask("POST", "/ping", b"x" * 100_000)
    kept.rename(spool)
    assert status == json.loads(body)["status"] == 500
    assert headers["Content-Type"] == "application/problem+json"
    assert gateway.ask("POST", "/ping", b"x" * 100_000)[0] == 405


def test_without_anybody_behind_it_a_write_is_a_problem_and_reads_go_on(gateway: Gateway) -> None:
    assert gateway.ask("POST", "/ping")[0] == 405
    gateway.write.end()
    status, headers, body = gateway.ask("POST", "/ping")
    assert status == json.loads(body)["status"] == 503
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Retry-After"] == "5"
    wait_until(
        lambda: 503 in [line["status"] for line in gateway.lines("/ping")],
        60,
        "a line",
        lambda: gateway.lines("/ping"),
    )
    assert gateway.ask("GET", "/ping")[0] == 200
    gateway.write.start()
    gateway.write.wait_until_ready()
    assert gateway.ask("POST", "/ping")[0] == 405


def test_reads_outlive_a_restart_of_the_api_on_kept_connections(gateway: Gateway) -> None:
    for _ in range(20):
        assert gateway.ask("GET", "/ping")[0] == 200
    gateway.read.end()
    gateway.read.start()
    gateway.read.wait_until_ready()
    assert {gateway.ask("GET", "/ping")[0] for _ in range(20)} == {200}


def test_each_request_is_a_line_of_json(gateway: Gateway) -> None:
    path = f"/{uuid4().hex}"
    for method in ("GET", "POST"):
        gateway.ask(method, f"{path}?q=%22")
    # It answers first, and writes then.
    wait_until(lambda: len(gateway.lines(path)) == 2, 60, "two lines", lambda: gateway.lines(path))
    for line in gateway.lines(path):
        assert line | {"time": "", "seconds": 0} == {
            "time": "",
            "client": "127.0.0.1",
            "method": line["method"],
            "path": path,
            "status": 404,
            "seconds": 0,
            "group": {"GET": "read", "POST": "write"}[line["method"]],
            "upstream": "404",
        }


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("GET /" + "x" * 9_000 + " HTTP/1.1", 414),
        ("GET / HTTP/1.1\r\nX: " + "y" * 9_000, 431),
        ("nonsense", 400),
        ("GET /ping HTTP/1.1", 400),  # no host
        ("TRACE / HTTP/1.1\r\nHost: x", 405),
        ("GET / HTTP/9.1\r\nHost: x", 505),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x, chunked", 501),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", 400),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense", 400),
    ],
)
def test_what_it_refuses_itself_is_a_problem(gateway: Gateway, sent: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as connection:
        connection.sendall(f"{sent}\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == json.loads(answer.read())["status"] == status
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_paths_of_its_problems_are_the_apis(gateway: Gateway) -> None:
    status, _, body = gateway.ask("GET", "/problems/413")
    assert (status, json.loads(body)["instance"]) == (404, "/problems/413")


@pytest.mark.parametrize("path", ["/admin/login/", "//admin/login/", "/%61dmin/login/"])
@pytest.mark.parametrize(
    ("forwarded", "may"),
    [
        ("", True),
        ("10.1.2.3", True),
        ("203.0.113.7", False),
        ("10.1.2.3, 203.0.113.7", False),
        ("203.0.113.7, 10.1.2.3", False),
        ("2001:db8::1", False),
    ],
)
def test_the_admin_is_for_private_networks(
    gateway: Gateway, path: str, forwarded: str, *, may: bool
) -> None:
    """127.0.0.1 is a proxy of ours, too."""
    given = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert (gateway.ask("GET", path, headers=given)[0] != 403) == may
    assert gateway.ask("GET", "/ping", headers=given)[0] == 200


def test_a_body_in_chunks_arrives(gateway: Gateway) -> None:
    status, _, body = gateway.ask("POST", "/api/v1/auth/signup/", iter([b'{"x"', b": 1}"]))
    assert (status, "x" in str(json.loads(body)["errors"])) == (400, True)


def test_only_whole_requests_reach_the_api_and_an_address_has_so_many(gateway: Gateway) -> None:
    before = gateway.write.metric(REQUESTS)
    half = b"POST /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{"
    with ExitStack() as held:
        clients = [held.enter_context(gateway.connect("127.0.0.2")) for _ in range(101)]
        for client in clients:
            client.sendall(half)
        refused = gateway.refusal("127.0.0.2")
        answered, _, _ = select(clients, [], [], 0)
        assert len(answered) <= 2, "of those above 100, a ping may have been the first"
        assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert gateway.ask("POST", "/ping")[0] == 405  # of another address
        assert gateway.write.metric(REQUESTS) == before + 1
        clients[0].sendall(b"}")
        assert clients[0].recv(99).startswith(b"HTTP/1.1 405 ")
