"""Commands for a Redis Cluster: each to the node that owns its key, one request for each node.

redis-py's own pipeline for clusters spends several times the CPU, and knows no time limit.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from hiredis import pack_command
from redis.cluster import ClusterNode
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    MovedError,
    RedisError,
    TimeoutError,  # noqa: A004
)

from newsfeed.redis.topology import Cluster
from newsfeed.redis.wire import Command, borrowed, read_reply

TRIES = 4
"""A node that is gone, the table without it, a slot that moves, and where it moved to."""
FAILURES = (ConnectionError, TimeoutError)
OUTDATED = (*FAILURES, ClusterDownError)
"""What an old table of slots may be to blame for."""
AGAIN = (*OUTDATED, AskError)
"""MovedError is an AskError."""
SCRIPTS = ("EVALSHA", "EVAL")
ASKING = pack_command(("ASKING",))


def exchange(cluster: Cluster, commands: Sequence[Command], *, durable: bool) -> list[Any]:
    """The replies in the order of the commands, errors among them.

    Each command has one key, or none, as RANDOMKEY: then any node gets it. One whose node is gone,
    or owns the key no more, is asked again of the new owner while there is time: it may run twice.
    `durable`: a reply means that a replica has the write too, if the node has one.
    """
    cluster.keep_fresh()
    return _Exchange(cluster, commands, durable=durable).run()


def ping(cluster: Cluster) -> None:
    """Raises RedisError unless each slot has an owner that answers, and takes commands."""
    cluster.refresh(cluster.seconds)
    slots = cluster.slots
    if len(slots) < REDIS_CLUSTER_HASH_SLOTS:
        raise ClusterDownError(f"{len(slots)} of {REDIS_CLUSTER_HASH_SLOTS} slots have an owner")
    for node in {nodes[0].name: nodes[0] for nodes in slots.values()}.values():
        with borrowed(cluster.pool(node)) as connection:
            connection.send_command("CLUSTER", "INFO")
            told = connection.read_response()
        if b"cluster_state:ok" not in told:
            raise ClusterDownError(f"{node.name} takes no commands")


@dataclass
class _Request:
    """To one node, of the commands with these numbers."""

    node: ClusterNode
    has_replica: bool = False
    numbers: list[int] = field(default_factory=list)


class _Exchange:
    def __init__(self, cluster: Cluster, commands: Sequence[Command], *, durable: bool) -> None:
        self._cluster = cluster
        self._commands = commands
        self._deadline = time.monotonic() + cluster.seconds
        self._wait: Command | None = None
        if durable:
            self._wait = ("WAIT", 1, int(cluster.seconds * 500))
        self._replies: list[Any] = [None] * len(commands)
        self._has_failed = False

    def run(self) -> list[Any]:
        left: Sequence[int] = range(len(self._commands))
        for _ in range(TRIES):
            self._ask(self._requests(left))
            left = [n for n in left if isinstance(self._replies[n], AGAIN)]
            if not left or not self._may_try_again(left):
                break
        return self._replies

    def _requests(self, left: Iterable[int]) -> Iterable[_Request]:
        slots = self._cluster.slots
        requests: dict[str, _Request] = {}
        for n in left:
            reply = self._replies[n]
            if type(reply) is AskError:
                owners = self._cluster.redirected(reply)
            elif not (owners := slots.get(_slot(self._commands[n]), [])):
                self._replies[n] = ClusterDownError("a slot has no owner")
                continue
            request = requests.setdefault(owners[0].name, _Request(owners[0]))
            request.has_replica |= len(owners) > 1
            request.numbers.append(n)
        return requests.values()

    def _ask(self, requests: Iterable[_Request]) -> None:
        """Sends to all before it reads from any; one that fails keeps no other back in time."""
        with ExitStack() as stack:
            sent = []
            for request in requests:
                with self._noting_failure(request):
                    self._check_time()
                    connection = stack.enter_context(borrowed(self._cluster.pool(request.node)))
                    connection.send_packed_command([self._packed(request)])
                    sent.append((request, connection))
            for request, connection in sent:
                with self._noting_failure(request, connection):
                    self._check_time()
                    self._read(request, connection)

    @contextmanager
    def _noting_failure(self, request: _Request, connection: Any = None) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self._has_failed = True
            if connection:
                connection.disconnect()
            for n in request.numbers:
                self._replies[n] = error

    def _check_time(self) -> None:
        if self._has_failed and time.monotonic() > self._deadline:
            raise TimeoutError("another node has used up the time")

    def _packed(self, request: _Request) -> bytes:
        packed = []
        for n in request.numbers:
            if type(self._replies[n]) is AskError:
                packed.append(ASKING)
            packed.append(pack_command(self._commands[n]))  # type: ignore[arg-type]
        if self._wait and request.has_replica:
            mark = self._mark(request.node)
            packed += [pack_command(mark), pack_command(self._wait)]  # type: ignore[arg-type]
        return b"".join(packed)

    def _mark(self, node: ClusterNode) -> Command:
        """Changes something on the node, in a slot of its own, and in another each time.

        Since Redis 7.2 WAIT waits only for what its own connection has changed: for nothing at all
        if the command is one that comes again and has been applied before. Not in the slot of the
        command: while that is moving, it takes no key that it lacks.
        """
        slots = self._cluster.slots
        names = (b"mark:%d" % random.getrandbits(32) for _ in range(REDIS_CLUSTER_HASH_SLOTS))  # nosec B311
        mine = (name for name in names if slots.get(key_slot(name), [None])[0] == node)
        return ("SET", next(mine, b"mark"), 1, "PX", 1_000)

    def _read(self, request: _Request, connection: Any) -> None:
        for n in request.numbers:
            if type(self._replies[n]) is AskError:
                read_reply(connection)
            self._replies[n] = read_reply(connection)
        if self._wait and request.has_replica:
            marked, copies = read_reply(connection), read_reply(connection)
            if isinstance(marked, RedisError) or copies == 0:
                raise TimeoutError("no replica has it")

    def _may_try_again(self, left: Iterable[int]) -> bool:
        """After it has learnt from what the nodes said, if there is time left."""
        errors = [self._replies[n] for n in left]
        # A redirection does not tell of the new owner's replicas, the table does.
        if self._wait or any(isinstance(error, OUTDATED) for error in errors):
            try:
                self._cluster.refresh(self._deadline - time.monotonic())
            except RedisError:  # the commands' own errors tell more
                return False
        else:
            self._cluster.follow([error for error in errors if isinstance(error, MovedError)])
        return time.monotonic() < self._deadline


def _slot(command: Command) -> int:
    if len(command) == 1:
        return random.randrange(REDIS_CLUSTER_HASH_SLOTS)  # noqa: S311 # nosec B311
    return key_slot(_key(command))


def _key(command: Command) -> bytes:
    key = command[3] if command[0] in SCRIPTS else command[1]
    return key if isinstance(key, bytes) else str(key).encode()
