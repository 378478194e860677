"""The brokers boot from what the manifests give them.

The image's own program turns the environment into server.properties and lays out the data:
kafka.docker.KafkaDockerWrapper, which is in Kafka's jar. Only addresses and the folder are others.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from conftest import free_port
from dev.stores import JAVA, KAFKA, kafka_jars
from tests.deadline import wait_until
from tests.k8s.objects import environment, workload
from tests.k8s.rendering import manifests_of, render_namespace
from tests.processes import kill

NODE = r"kafka-(\d)\.kafka-nodes(?:\.newsfeed[\w-]*\.svc)?:(9092|9093)"
SECONDS = 240


class Brokers:
    """The StatefulSet's pods as processes."""

    def __init__(self, folder: Path, overlay: str) -> None:
        self.folder = folder
        docs = manifests_of(overlay)
        self._pods = workload(docs, "kafka")
        self._namespace = render_namespace(overlay)
        self._given = environment(docs, self._pods.pod["containers"][0])
        self.count: int = self._pods.spec["replicas"]
        self._ports = {(n, p): free_port() for n in range(self.count) for p in ("9092", "9093")}
        self._running: list[subprocess.Popen[bytes]] = []
        (folder / "image").mkdir()
        for name in ("log4j2.yaml", "tools-log4j2.yaml"):
            (folder / "image" / name).touch()
        # One variable that is a property, and the image's own file counts for nothing.
        (folder / "image" / "server.properties").write_text("num.partitions=77\n")

    @property
    def bootstrap(self) -> list[str]:
        return [f"127.0.0.1:{self._ports[n, '9092']}" for n in range(self.count)]

    def properties(self, node: int) -> dict[str, str]:
        """What the image makes of the pod's environment."""
        home = self.folder / f"kafka-{node}"
        (home / "mounted").mkdir(parents=True)
        (home / "config").mkdir()
        options = ["--default-configs-dir", str(self.folder / "image")]
        options += ["--mounted-configs-dir", "mounted", "--final-configs-dir", "config"]
        done = self._java(node, "kafka.docker.KafkaDockerWrapper", "setup", *options)
        try:
            assert done.wait(SECONDS) == 0, self.log(node)
        finally:
            kill(done)
        lines = (home / "config" / "server.properties").read_text().split("\n")
        return dict(line.split("=", 1) for line in lines if line)

    def start(self, node: int) -> None:
        self._running.append(self._java(node, "kafka.Kafka", "config/server.properties"))

    def are_running(self) -> bool:
        return all(broker.poll() is None for broker in self._running)

    def stop(self) -> None:
        """By force: asked to leave, they wait minutes for a quorum that leaves as well."""
        for broker in self._running:
            kill(broker)

    def log(self, node: int) -> str:
        return (self.folder / f"kafka-{node}" / "log").read_text()[-3_000:]

    def _java(self, node: int, *arguments: str) -> "subprocess.Popen[bytes]":
        home = self.folder / f"kafka-{node}"
        heap = ["-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        logging = f"-Dlog4j2.configurationFile={KAFKA / 'log4j2.properties'}"
        command = [str(JAVA), *heap, logging, "-cp", f"{kafka_jars(home)}/*", *arguments]
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | self._environment(node)
        with (home / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)

    def _environment(self, node: int) -> dict[str, str]:
        fields = {
            "metadata.name": f"kafka-{node}",
            "metadata.namespace": self._namespace,
            "metadata.labels['apps.kubernetes.io/pod-index']": str(node),
        }
        found = dict(self._given)
        for variable in self._pods.pod["containers"][0]["env"]:
            if source := variable.get("valueFrom"):
                found[variable["name"]] = fields[source["fieldRef"]["fieldPath"]]
        return {name: self._here(node, value, found) for name, value in found.items()}

    def _here(self, node: int, value: str, variables: dict[str, str]) -> str:
        value = re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], value)
        value = re.sub(NODE, lambda at: f"127.0.0.1:{self._ports[int(at[1]), at[2]]}", value)
        value = re.sub(r"//:(\d+)", lambda at: f"//127.0.0.1:{self._ports[node, at[1]]}", value)
        return value.replace("/var/lib/kafka/data", "data")


def _are_there(brokers: Brokers) -> bool:
    assert brokers.are_running(), [brokers.log(node) for node in range(brokers.count)]
    with suppress(KafkaError), _admin(brokers) as admin:
        return len(admin.describe_cluster()["brokers"]) == brokers.count
    return False


def _admin(brokers: Brokers) -> "closing[KafkaAdminClient]":
    return closing(KafkaAdminClient(bootstrap_servers=brokers.bootstrap))


@pytest.fixture
def brokers(tmp_path: Path, overlay: str) -> Iterator[Brokers]:
    brokers = Brokers(tmp_path, overlay)
    yield brokers
    brokers.stop()


@pytest.mark.parametrize(("overlay", "nodes", "in_sync"), [("local", 1, 1), ("production", 3, 2)])
def test_brokers_boot_and_keep_as_many_copies_as_the_settings_want(
    brokers: Brokers, nodes: int, in_sync: int
) -> None:
    assert brokers.count == nodes
    for node in range(nodes):
        properties = brokers.properties(node)
        assert properties["node.id"] == str(node)
        assert properties["auto.create.topics.enable"] == "false"
        assert "num.partitions" not in properties
        assert "heap.opts" not in properties
        brokers.start(node)
    wait_until(lambda: _are_there(brokers), SECONDS, "all brokers", lambda: brokers.log(0))
    with _admin(brokers) as admin:
        topic = {"num_partitions": 12, "replication_factor": nodes}
        admin.create_topics({"feed-20261121": topic}, wait_for_metadata=True)
        copies: set[int] = set()

        def are_told() -> bool:
            """By whichever broker is asked: it may hear of the topic a little later."""
            for found in admin.describe_topics():
                if found["name"] == "feed-20261121":
                    copies.update(len(p["replica_nodes"]) for p in found["partitions"])
            return bool(copies)

        wait_until(are_told, SECONDS, "the topic")
        assert copies == {nodes}
        assert brokers.are_running()
    assert properties["min.insync.replicas"] == str(in_sync)
    assert properties["offsets.topic.replication.factor"] == str(nodes)
