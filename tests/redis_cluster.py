"""A Redis Cluster of the tests' own: three nodes share the slots, a fourth follows the first."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from redis import Redis, RedisError, ResponseError
from redis.connection import Connection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ReadOnlyError

from conftest import free_port
from newsfeed.redis.client import Client, Cluster
from newsfeed.redis.settings import caches as redis_caches
from tests.deadline import wait_until
from tests.redis_server import RedisServer
from tests.time_limits import PATIENT

PRIMARIES = 3
PASSWORD = "a secret"
CALM_MS, SOON_MS = 30_000, 1_500
"""A node that is silent for so long is taken for dead: no busy one, or one that a test stops."""


class ClusterNode(RedisServer):
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        options = {
            "cluster-enabled": "yes",
            "cluster-port": str(free_port()),
            "cluster-node-timeout": str(SOON_MS),
            # What has a node is served.
            "cluster-require-full-coverage": "no",
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "repl-diskless-sync-delay": "0",
        }
        super().__init__(folder, *(f for k, v in options.items() for f in (f"--{k}", v)))
        self.bus_port = options["cluster-port"]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def run(self, *command: object) -> Any:
        with Redis(port=self.port, password=PASSWORD, decode_responses=True) as redis:
            return redis.execute_command(*command)

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def restore(self) -> None:
        self.thaw()
        if not self.is_running:
            self.start()

    @property
    def id(self) -> str:
        return str(self.run("CLUSTER", "MYID"))

    @property
    def is_primary(self) -> bool:
        return bool(self.run("ROLE")[0] == "master")


class RedisCluster:
    """`nodes[3]` follows `nodes[0]`."""

    def __init__(self, folder: Path) -> None:
        self._moved: list[str] = []
        self.nodes = [ClusterNode(folder / str(n)) for n in range(PRIMARIES + 1)]
        for n, node in enumerate(self.nodes[:PRIMARIES]):
            first, end = (i * REDIS_CLUSTER_HASH_SLOTS // PRIMARIES for i in (n, n + 1))
            node.run("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
            node.run("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
        for node in self.nodes[1:]:
            first_node = self.nodes[0]
            node.run("CLUSTER", "MEET", "127.0.0.1", first_node.port, first_node.bus_port)
        wait_until(lambda: all(self._sees_all(node) for node in self.nodes), 120, "a cluster")
        self.nodes[3].run("CLUSTER", "REPLICATE", self.nodes[0].id)
        self.wait_for_replica()

    def gives_up_after(self, milliseconds: int) -> None:
        """Whoever is silent for so long."""
        for node in self.nodes:
            if node.is_running:
                node.run("CONFIG", "SET", "cluster-node-timeout", milliseconds)

    def _sees_all(self, node: ClusterNode) -> bool:
        lines = str(node.run("CLUSTER", "NODES")).splitlines()
        is_served = "cluster_slots_ok:16384" in str(node.run("CLUSTER", "INFO"))
        return len(lines) == len(self.nodes) and "handshake" not in str(lines) and is_served

    def wait_for_replica(self) -> None:
        """Until one of the first pair has all that the other has, and all nodes know it."""
        wait_until(self._is_replicated, 120, "a replica")

    def _is_replicated(self) -> bool:
        roles = [self.nodes[n].run("ROLE") for n in (0, 3)]
        slots = [str(node.run("CLUSTER", "SLOTS")) for node in self.nodes]
        known = all(str(self.nodes[n].port) in told for n in (0, 3) for told in slots)
        return known and any(r[0] == "slave" and r[3] == "connected" for r in roles)

    @property
    def url(self) -> str:
        addresses = ",".join(node.address for node in self.nodes)
        return f"redis+cluster://:{PASSWORD.replace(' ', '%20')}@{addresses}"

    def owner(self, key: str) -> ClusterNode:
        """By the slots as they were dealt out."""
        n = key_slot(key.encode()) * PRIMARIES // REDIS_CLUSTER_HASH_SLOTS
        return self.nodes[n]

    def take_slot(self, key: str) -> None:
        """So that nobody owns the slot of this key."""
        slot = key_slot(key.encode())
        self._moved.append(key)

        def is_gone() -> bool:
            for node in self.nodes:
                with suppress(ResponseError):  # it is; another node may tell of it once more
                    node.run("CLUSTER", "DELSLOTS", slot)
            infos = [str(node.run("CLUSTER", "INFO")) for node in self.nodes]
            return all("cluster_slots_assigned:16383" in info for info in infos)

        wait_until(is_gone, 60, "a slot without an owner")

    def begin_move(self, key: str) -> ClusterNode:
        """Of the slot of this key, without the key, to the node that is returned."""
        slot, source = key_slot(key.encode()), self.owner(key)
        target = self.nodes[(self.nodes.index(source) + 1) % PRIMARIES]
        self._moved.append(key)
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        return target

    def move_key(self, key: str, target: ClusterNode) -> None:
        place = ("127.0.0.1", target.port, key, 0, 5_000)
        assert self.owner(key).run("MIGRATE", *place, "AUTH", PASSWORD) == "OK"

    def end_move(self, key: str, target: ClusterNode) -> None:
        """The third node hears of it when it likes."""
        for node in (target, self.owner(key)):
            node.run("CLUSTER", "SETSLOT", key_slot(key.encode()), "NODE", target.id)

    def move_back(self) -> None:
        """Whatever was moved or taken."""
        while self._moved:
            key = self._moved.pop()
            slot, owner = key_slot(key.encode()), self.owner(key)
            others = [node for node in self.nodes[:PRIMARIES] if node is not owner]
            for node in (owner, *others):
                node.run("CLUSTER", "SETSLOT", slot, "STABLE")
            with suppress(ResponseError):  # it has the slot already
                owner.run("CLUSTER", "SETSLOT", slot, "IMPORTING", others[0].id)
            for node in (owner, *others):
                node.run("CLUSTER", "SETSLOT", slot, "NODE", owner.id)

    def heal(self) -> None:
        """As it was in the beginning, and empty."""
        for node in self.nodes:
            node.restore()
        self.gives_up_after(SOON_MS)
        wait_until(self._leads_again, 60, "the first node in the lead")
        self.move_back()
        wait_until(lambda: all(self._sees_all(node) for node in self.nodes), 120, "a cluster")
        self.wait_for_replica()
        self.gives_up_after(CALM_MS)

    def _leads_again(self) -> bool:
        """And all are empty."""
        first, follower = self.nodes[0], self.nodes[3]
        if first.is_primary == follower.is_primary:  # until one hears of the other
            return False
        if follower.is_primary:
            self.wait_for_replica()
            first.run("CLUSTER", "FAILOVER")
            wait_until(lambda: first.is_primary, 60, "the first node to lead again")
            return False
        try:
            for node in self.nodes[:PRIMARIES]:
                node.run("FLUSHALL")
        except ReadOnlyError:
            return False
        return True

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture
def redis_cluster(_cluster: RedisCluster, settings: Settings) -> RedisCluster:
    """Feeds and sessions are on it during the test. Empty and whole at its beginning."""
    _cluster.heal()
    settings.REDIS_URL = _cluster.url
    use(redis_caches(_cluster.url, PATIENT), settings)
    return _cluster


def use(caches: dict[str, Any], settings: Settings) -> None:
    """Of a cluster that is there. Returns when there are connections."""
    settings.CACHES = caches
    for alias in caches:
        wait_until(partial(_is_known, alias), 60, "connections")


def client_of(alias: str) -> Cluster:
    """As the service has it."""
    client: Cluster = get_redis_connection(alias)
    return client


def _is_known(alias: str) -> bool:
    """With a connection to each node: to connect takes long on a busy machine."""
    try:
        Client(alias).ping()
    except RedisError:
        return False
    return True


@pytest.fixture
def traffic(redis_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes over the connections: `>` and a port, and `<` for a reply. Nobody reads tables."""
    client = client_of("default")
    client.refresh(60)
    monkeypatch.setattr(client, "_fresh_until", float("inf"))
    seen: list[str] = []
    send, read = Connection.send_packed_command, Connection.read_response

    def sends(self: Connection, *args: object, **kwargs: object) -> object:
        seen.append(f">{self.port}")
        return send(self, *args, **kwargs)  # type: ignore[no-untyped-call]

    def reads(self: Connection, *args: object, **kwargs: object) -> object:
        seen.append(f"<{self.port}")
        return read(self, *args, **kwargs)

    monkeypatch.setattr(Connection, "send_packed_command", sends)
    monkeypatch.setattr(Connection, "read_response", reads)
    return seen
