"""The component's scripts make a cluster of six real servers, and find them under new addresses."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError  # noqa: A004

from tests.deadline import wait_until
from tests.k8s.objects import environment, one, selects, workload
from tests.k8s.rendering import K8S, manifests_of
from tests.processes import kill

PODS = 6
PASSWORD = "newsfeed"
SCRIPTS = K8S / "components" / "redis-cluster"
GETENT = """#!/bin/sh
n=${2#redis-}; echo "$NET.$((${n%.redis} + 1)) $2"
"""
CLI = """#!/bin/sh
if [ "$1" = -h ]; then n=${2#redis-}; host=$NET.$((${n%.redis} + 1)); shift 2; else host=$SELF; fi
exec REAL -h "$host" "$@"
"""


class Pods:
    """Processes with the rendered command, each at an address of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._net = ""
        template = workload(manifests_of("local", ["redis-cluster"]), "redis").pod
        self._command = [
            word.replace("$(REDISCLI_AUTH)", PASSWORD)
            for word in template["containers"][0]["command"]
        ]
        real = subprocess.run(["which", "redis-cli"], capture_output=True, text=True, check=True)
        for name, text in {
            "getent": GETENT,
            "redis-cli": CLI.replace("REAL", real.stdout.strip()),
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def start(self, net: str) -> None:
        """All at once, as after a power cut; `net` is the beginning of their addresses."""
        self._net = net
        for n in range(PODS):
            data = self._folder / str(n)
            data.mkdir(exist_ok=True)
            command = [word.replace("/data", str(data)) for word in self._command]
            address = f"{net}.{n + 1}"
            command += ["--bind", address, "--bind-source-addr", address, "--dir", str(data)]
            with (data / "log").open("ab") as log:
                self._processes.append(subprocess.Popen(command, stdout=log))
        for n in range(PODS):
            self.run("meet.sh", n)

    def run(self, script: str, n: int) -> None:
        """As pod n, or as the Job."""
        env = os.environ | {"NET": self._net, "SELF": f"{self._net}.{n + 1}"}
        env |= {"PATH": f"{self._folder}:{os.environ['PATH']}", "REDISCLI_AUTH": PASSWORD}
        command = ["sh", str(SCRIPTS / script)]
        subprocess.run(command, env=env, check=True, timeout=180, capture_output=True)

    def ask(self, n: int, *command: object) -> str:
        with Redis(f"{self._net}.{n + 1}", password=PASSWORD, decode_responses=True) as redis:
            return str(redis.execute_command(*command))

    def are_one(self) -> bool:
        try:
            infos = [self.ask(n, "CLUSTER", "INFO") for n in range(PODS)]
        except ConnectionError:
            return False
        return all("cluster_state:ok" in i and "slots_ok:16384" in i for i in infos)

    def stop(self) -> None:
        for process in self._processes:
            kill(process)
        self._processes.clear()


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Pods]:
    pods = Pods(tmp_path)
    yield pods
    pods.stop()


def test_six_pods_become_a_cluster_and_stay_one_under_new_addresses(pods: Pods) -> None:
    net = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    pods.start(net)
    assert not pods.are_one()
    pods.run("form.sh", 0)
    wait_until(pods.are_one, 90, "a cluster")
    wait_until(lambda: _followers(pods) == 3, 90, "a replica for each")
    wait_until(lambda: _nodes_with_slots(pods, net) == PODS, 90, "the first knows of it")
    pods.run("form.sh", 0)  # once more, in vain
    assert _nodes_with_slots(pods, net) == PODS
    pods.stop()

    moved = f"127.{200 + os.getpid() % 50}.{os.getpid() // 100 % 250}"
    pods.start(moved)
    wait_until(lambda: _is_elsewhere(pods, net), 90, "the same cluster elsewhere")


def test_the_service_is_told_of_it_and_the_nodes_may_talk() -> None:
    docs = manifests_of("local", ["network-policies", "redis-cluster"])
    given = environment(docs, workload(docs, "consumer").pod["containers"][0])
    assert given["REDIS_URL"] == f"redis+cluster://:{PASSWORD}@redis:6379"
    policy = one(docs, "NetworkPolicy", "redis")["spec"]
    nodes = workload(docs, "redis").labels
    for rules, whom in ((policy["ingress"], "from"), (policy["egress"], "to")):
        ports = [
            port["port"]
            for rule in rules
            if any(selects(peer["podSelector"], nodes) for peer in rule[whom])
            for port in rule["ports"]
        ]
        assert ports == [6379, 16379]


def _is_elsewhere(pods: Pods, net: str) -> bool:
    """Each has forgotten the old addresses; it begins with what it knew."""
    return pods.are_one() and all(net not in pods.ask(n, "CLUSTER", "SLOTS") for n in range(PODS))


def _nodes_with_slots(pods: Pods, net: str) -> int:
    return pods.ask(0, "CLUSTER", "SLOTS").count(net)


def _followers(pods: Pods) -> int:
    roles = [pods.ask(n, "ROLE") for n in range(PODS)]
    return sum("slave" in role and "connected" in role for role in roles)
