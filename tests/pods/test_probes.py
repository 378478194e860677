"""The probes of the manifests, asked of what they are written for while servers are away."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPException
from threading import Event, Thread

import pytest

from tests.deadline import wait_until
from tests.k8s.objects import own
from tests.k8s.rendering import manifests_of
from tests.pods.clients import Client
from tests.pods.pod import Pod
from tests.running import Service

KINDS = ("readinessProbe", "livenessProbe")
"""The third is asked until it is answered once, which `Pod.wait_until_ready` does."""
SECONDS = 8
"""Longer than a pod's connections take to notice that a server is frozen."""
CLIENTS = 16
"""For each pod of the API: more than it has threads."""

Statuses = dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def pods(service: Service) -> Iterator[list[Pod]]:
    """One of each Deployment of our image."""
    docs = manifests_of("production")
    pods = [Pod(docs, w.name, service.stack) for w in own(docs) if w.serves]
    assert {pod.name for pod in pods} == {"api-read", "api-write", "consumer", "relay"}
    with ExitStack() as running:
        for pod in pods:
            pod.start()
            running.callback(pod.kill)
        for pod in pods:
            pod.wait_until_ready()
        yield pods


def _statuses(pods: list[Pod]) -> Statuses:
    return {(pod.name, kind): pod.probe(kind) for pod in pods for kind in KINDS}


def _is_well(statuses: Statuses) -> bool:
    return set(statuses.values()) == {200}


@contextmanager
def _crowd(service: Service, pods: list[Pod]) -> Iterator[None]:
    """Inside the block both groups are asked for more than they can answer while MySQL hangs."""
    author, _ = service.add_author(followers=2)
    token, over = service.token(author.id), Event()

    def ask(port: int, method: str, path: str, body: object) -> None:
        while not over.wait(0.1):
            with closing(Client(port, token)) as client, suppress(OSError, HTTPException):
                client.call(method, path, body)

    requests = {
        "api-read": ("GET", "/feed/", None),
        "api-write": ("POST", "/posts/", {"content": "x"}),
    }
    threads = [
        Thread(target=ask, args=(pod.port("http"), *requests[pod.name]))
        for pod in pods
        if pod.name in requests
        for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("how", ["stopped", "frozen"])
@pytest.mark.parametrize("server", ["mariadb", "redis", "kafka"])
def test_only_mysql_takes_the_api_out_of_its_service_and_nothing_restarts_a_pod(
    service: Service,
    pods: list[Pod],
    away: Callable[[str, str], ExitStack],
    server: str,
    how: str,
) -> None:
    if not service.stack.pid(server):
        pytest.skip("this MySQL is not ours to stop")
    unready = {("api-read", "readinessProbe"), ("api-write", "readinessProbe")}
    assert _is_well(_statuses(pods))
    with _crowd(service, pods), away(server, how):
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            statuses = _statuses(pods)
            failed = {probe for probe, status in statuses.items() if status != 200}
            assert failed == (unready if server == "mariadb" else set()), statuses
            if how == "stopped":
                assert {statuses[probe] for probe in failed} <= {503}
    wait_until(lambda: _is_well(_statuses(pods)), 30, "all is well", lambda: str(_statuses(pods)))
    assert all(pod.process.poll() is None for pod in pods)
