"""The probes of the manifests, asked of what they are written for while servers are away."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from http.client import HTTPException

import pytest

from tests.deadline import wait_until
from tests.k8s.objects import own
from tests.k8s.rendering import manifests_of
from tests.pods.clients import Client
from tests.pods.pod import NO_ANSWER, Pod
from tests.running import Service
from tests.threads import Threads

KINDS = ("readinessProbe", "livenessProbe")
"""The third is asked until it is answered once, which `Pod.wait_until_ready` does."""
SECONDS = 8
"""Longer than a pod's connections take to notice that a server is frozen."""
CLIENTS = 48
"""For each pod of the API: so many that, while MySQL hangs, its threads would answer no probe in
all the time that a kubelet gives it."""
PAUSE = 2
"""Of each client after an answer: while MySQL is there, they are no load."""

Probe = tuple[str, str]
Statuses = dict[Probe, int]
UNREADY = {("api-read", "readinessProbe"), ("api-write", "readinessProbe")}


@pytest.fixture(scope="module")
def pods(service: Service) -> Iterator[list[Pod]]:
    """One of each Deployment of our image."""
    docs = manifests_of("production")
    pods = [Pod(docs, w.name, service.stack) for w in own(docs) if w.serves]
    assert {pod.name for pod in pods} == {
        "api-read",
        "api-write",
        "consumer",
        "consumer-visibility",
        "relay",
    }
    with ExitStack() as running:
        for pod in pods:
            pod.start()
            running.callback(pod.kill)
        for pod in pods:
            pod.wait_until_ready()
        yield pods


def _statuses(pods: list[Pod], failing: Collection[Probe] = ()) -> Statuses:
    """Of those that should fail, each answer counts."""
    return {
        (pod.name, kind): (pod.probe if (pod.name, kind) in failing else pod.verdict)(kind)
        for pod in pods
        for kind in KINDS
    }


def _wait_until_all_is_well(pods: list[Pod]) -> None:
    def are_well() -> bool:
        return set(_statuses(pods).values()) == {200}

    wait_until(are_well, 90, "all is well", lambda: str(_statuses(pods)))


def _wait_until_it_is_said(pods: list[Pod]) -> None:
    """Whose server refuses to listen need not hang."""

    def is_said() -> bool:
        statuses = _statuses(pods, UNREADY)
        return {statuses[probe] for probe in UNREADY} == {503}

    wait_until(is_said, 60, "503", lambda: str(_statuses(pods, UNREADY)))


@contextmanager
def _crowd(service: Service, pods: list[Pod]) -> Iterator[None]:
    """Inside the block both groups are asked for more than they can answer while MySQL hangs."""
    author, _ = service.add_author(followers=2)
    token = service.token(author.id)

    def ask(port: int, method: str, path: str, body: object) -> None:
        while not crowd.over.wait(PAUSE):
            with closing(Client(port, token)) as client, suppress(OSError, HTTPException):
                client.call(method, path, body)

    requests = {
        "api-read": ("GET", "/feed/", None),
        "api-write": ("POST", "/posts/", {"content": "x"}),
    }
    crowd = Threads(
        partial(ask, pod.port("http"), *requests[pod.name])
        for pod in pods
        if pod.name in requests
        for _ in range(CLIENTS)
    )
    with crowd:
        yield


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
    unready = UNREADY if server == "mariadb" else set()
    _wait_until_all_is_well(pods)
    with _crowd(service, pods), away(server, how):
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            statuses = _statuses(pods, unready)
            failed = {probe for probe, status in statuses.items() if status != 200}
            assert failed == unready, statuses
            assert {statuses[probe] for probe in failed} <= {503, NO_ANSWER}
        if unready and how == "stopped":
            _wait_until_it_is_said(pods)
    _wait_until_all_is_well(pods)
    assert all(pod.process.poll() is None for pod in pods)
