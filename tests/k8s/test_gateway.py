"""The gateway's nginx.conf under a real nginx, in front of two real gunicorns."""

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.deadline import wait_until
from tests.gunicorn import Gunicorn
from tests.k8s.nginx import Nginx
from tests.k8s.objects import environment, of_kind, one, workload
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
        self.read, self.write = (_gunicorn(folder, name) for name in ("api-read", "api-write"))
        self._nginx = Nginx(folder, self.read.port, self.write.port)
        self.port, self._log = self._nginx.port, self._nginx.log

    def start(self, running: ExitStack) -> None:
        servers = (self.read, self.write, self._nginx)
        for server in servers:
            server.start()
            running.callback(server.stop)
        for server in servers:
            server.wait_until_ready()

    def lines(self, path: str) -> list[dict[str, Any]]:
        """What it has logged of requests for this path."""
        lines = [json.loads(line) for line in self._log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["path"] == path]

    def ask(
        self, method: str, path: str, body: bytes | None = None, host: str = "localhost"
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Host": host, "Content-Type": "application/json"}
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


def test_without_anybody_behind_it_a_write_is_a_problem_and_reads_go_on(gateway: Gateway) -> None:
    assert gateway.ask("POST", "/ping")[0] == 405
    gateway.write.stop()
    status, headers, body = gateway.ask("POST", "/ping")
    assert status == json.loads(body)["status"] == 503
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Retry-After"] == "5"
    assert gateway.ask("GET", "/ping")[0] == 200
    gateway.write.start()
    gateway.write.wait_until_ready()
    assert gateway.ask("POST", "/ping")[0] == 405


def test_reads_outlive_a_restart_of_the_api_on_kept_connections(gateway: Gateway) -> None:
    for _ in range(20):
        assert gateway.ask("GET", "/ping")[0] == 200
    gateway.read.stop()
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


def test_istio_routes_by_the_same_methods() -> None:
    docs = manifests_of("production", ("istio",))
    [routes] = [d["spec"]["http"] for d in of_kind(docs, "VirtualService")]
    assert [route["route"][0]["destination"]["host"] for route in routes] == [
        "api-read",
        "api-write",
    ]
    assert routes[0]["match"] == [{"method": {"regex": "GET|HEAD"}}]
    assert "match" not in routes[1]
    assert routes[1]["retries"] == {"attempts": 0}
    ports = {route["route"][0]["destination"]["port"]["number"] for route in routes}
    assert ports == {one(docs, "Service", "api-read")["spec"]["ports"][0]["port"]}
