"""Which nodes a Redis Cluster has, and who owns which slot: redis-py's tables, in bounded time."""

import random
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django_redis import pool
from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

REFRESH_SECONDS = 10.0
"""Errors tell of a node that is gone, and nothing tells of a replica that has come."""
SCHEMES = ("redis+cluster", "rediss+cluster")


def is_cluster(url: str) -> bool:
    return url.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def parse(url: str) -> tuple[str, list[tuple[str, int]]]:
    """A URL of the first node as redis-py knows it, and all that are named. Raises ValueError.

    >>> parse("redis+cluster://:secret@one:7000,two?socket_timeout=5")
    ('redis://:secret@one:7000?socket_timeout=5', [('one', 7000), ('two', 6379)])
    """
    scheme, _, rest = url.partition("://")
    # Not by urlsplit, which refuses several hosts if one is in brackets.
    netloc = re.split("[/?#]", rest, maxsplit=1)[0]
    credentials, at, names = netloc.rpartition("@")
    first, *others = names.split(",")
    parts = urlsplit(
        f"{scheme.removesuffix('+cluster')}://{credentials}{at}{first}{rest.removeprefix(netloc)}"
    )
    if parts.path.strip("/") not in ("", "0") or parse_qs(parts.query).get("db", ["0"]) != ["0"]:
        raise ValueError("names a database; a cluster has no other than 0")
    return parts._replace(path="").geturl(), [_address(name) for name in (first, *others)]


def _address(name: str) -> tuple[str, int]:
    node = urlsplit(f"//{name}")
    try:
        port = node.port
    except ValueError as error:
        raise ValueError(f"has a wrong port in {name!r}") from error
    if not node.hostname:
        raise ValueError("lacks the name of a node")
    return node.hostname, port or 6379


class SingleFlight:
    """Runs a function in a thread, one run at a time: callers that come meanwhile share its result.

    Each caller waits no longer than it wants to, however many nodes do not answer.
    """

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._lock = Lock()
        self._result: Future[Any] = Future()
        self._result.set_result(None)

    def __call__(self, seconds: float) -> Any:
        """What the run returns. Raises redis-py's ConnectionError, and TimeoutError."""
        try:
            return self.start().result(max(0.0, seconds))
        except TimeoutError as error:
            raise exceptions.TimeoutError("no node has told of the cluster in time") from error

    def start(self) -> "Future[Any]":
        with self._lock:
            if self._result.done():
                result: Future[Any] = Future()
                try:
                    Thread(target=self._complete, args=[result], daemon=True).start()
                except RuntimeError as error:  # there are as many threads as there may be
                    result.set_exception(exceptions.ConnectionError(str(error)))
                self._result = result
            return self._result

    def _complete(self, result: "Future[Any]") -> None:
        try:
            result.set_result(self._run())
        except exceptions.RedisClusterException as error:  # which is no RedisError
            result.set_exception(exceptions.ConnectionError(str(error)))
        except BaseException as error:  # for those who wait
            result.set_exception(error)


class Cluster(RedisCluster):
    """redis-py's client, without its ten retries that each may take a timeout for every node."""

    def __init__(self, url: str) -> None:
        node_url, nodes = parse(url)
        super().__init__(
            url=node_url,
            startup_nodes=[ClusterNode(*address) for address in nodes[1:]],  # type: ignore[no-untyped-call]
            retry=Retry(NoBackoff(), 0),
            # What is there is served.
            require_full_coverage=False,
            # Names are looked up again: all the addresses that were found may be gone.
            dynamic_startup_nodes=False,
            # They stretch timeouts while a node is maintained.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self.seconds: float = self.nodes_manager.connection_kwargs["socket_timeout"]
        self.refresh = SingleFlight(self._refresh)
        self._fresh_until = time.monotonic() + REFRESH_SECONDS

    @property
    def slots(self) -> dict[int, list[ClusterNode]]:
        """By slot: the node that owns it, then its replicas that are up."""
        return self.nodes_manager.slots_cache

    def pool(self, node: ClusterNode) -> ConnectionPool:
        connections: ConnectionPool = self.get_redis_connection(node).connection_pool
        return connections

    def redirected(self, error: exceptions.AskError) -> list[ClusterNode]:
        """The node that the error names, then its replicas: known once it owns a slot."""
        known = self.get_node(error.host, error.port)  # type: ignore[no-untyped-call]
        node = known or ClusterNode(error.host, error.port)  # type: ignore[no-untyped-call]
        return next((nodes for nodes in self.slots.values() if nodes[0] == node), [node])

    def keep_fresh(self) -> None:
        """Waits for nothing."""
        if time.monotonic() > self._fresh_until:
            self._fresh_until = time.monotonic() + REFRESH_SECONDS
            self.refresh.start()

    def follow(self, errors: Iterable[exceptions.MovedError]) -> None:
        """To where slots have moved."""
        for error in errors:
            if error.slot_id in self.slots:
                self.nodes_manager.move_slot(error)

    def _refresh(self) -> None:
        known = [(node.host, node.port) for node in self.get_nodes()]  # type: ignore[no-untyped-call]
        random.shuffle(known)
        self.nodes_manager.initialize(
            additional_startup_nodes_info=known, disconnect_startup_nodes_pools=False
        )


class ConnectionFactory(pool.ConnectionFactory):  # type: ignore[misc]
    """What django-redis asks for clients, if REDIS_URL names a cluster. One for each URL."""

    _found: dict[str, SingleFlight] = {}
    _clusters: dict[str, Cluster] = {}

    def connect(self, url: str) -> Cluster:
        """Raises redis-py's ConnectionError, and TimeoutError."""
        if cluster := self._clusters.get(url):
            return cluster
        flight = self._found.setdefault(url, SingleFlight(lambda: Cluster(url)))
        seconds = float(parse_qs(urlsplit(parse(url)[0]).query)["socket_timeout"][0])
        return self._clusters.setdefault(url, flight(seconds))

    def disconnect(self, connection: Cluster) -> None:
        connection.disconnect_connection_pools()  # type: ignore[no-untyped-call]
