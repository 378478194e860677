"""The gateway's nginx.conf under a real nginx, in front of two real gunicorns."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import free_port
from tests.gunicorn import Gunicorn
from tests.k8s.objects import environment, of_kind, one, workload
from tests.k8s.rendering import manifests_of
from tests.k8s.tools import program

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
    """The configuration as it is rendered; only addresses and folders are others."""

    def __init__(self, folder: Path) -> None:
        self.read, self.write = (_gunicorn(folder, name) for name in ("api-read", "api-write"))
        self.port, self.health_port = free_port(), free_port()
        conf = one(manifests_of("production"), "ConfigMap", "gateway")["data"]["nginx.conf"]
        for old, new in {
            "server api-read:8000": f"server 127.0.0.1:{self.read.port}",
            "server api-write:8000": f"server 127.0.0.1:{self.write.port}",
            "listen 8080": f"listen 127.0.0.1:{self.port}",
            "listen 8081": f"listen 127.0.0.1:{self.health_port}",
        }.items():
            assert conf.count(old) == 1
            conf = conf.replace(old, new)
        self._conf, self._log = folder / "nginx.conf", folder / "nginx.log"
        self._conf.write_text(conf.replace("/tmp/", f"{folder}/"))  # noqa: S108

    def start(self) -> None:
        for gunicorn in (self.read, self.write):
            gunicorn.start()
        # As root, nginx would give its workers to somebody who may not write here.
        directives = "daemon off;" + (" user root;" if os.getuid() == 0 else "")
        command = [program("nginx"), "-c", str(self._conf), "-e", "stderr", "-g", directives]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for gunicorn in (self.read, self.write):
            gunicorn.wait_until_ready()
        deadline = time.monotonic() + 10
        while not self._listens():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        for gunicorn in (self.read, self.write):
            gunicorn.stop()

    def ask(
        self, method: str, path: str, body: bytes | None = None, host: str = "localhost"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Host": host, "Content-Type": "application/json"})
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found

    def log(self) -> str:
        return self._log.read_text()

    def _listens(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    gateway.start()
    yield gateway
    gateway.stop()


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
    gateway.ask("GET", "/ping?q=%22")
    lines = [json.loads(line) for line in gateway.log().splitlines() if line.startswith("{")]
    assert {line["group"] for line in lines} == {"read", "write"}
    assert lines[-1] | {"time": "", "seconds": 0} == {
        "time": "",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/ping",
        "status": 200,
        "seconds": 0,
        "group": "read",
        "upstream": "200",
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
