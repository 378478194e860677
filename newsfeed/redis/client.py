"""Redis: several commands in one round trip, and for requests one breaker for all of them.

What it asks may be a single Redis or, if REDIS_URL says so, a cluster.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from hashlib import sha1
from pathlib import Path
from typing import Any

from django_redis import get_redis_connection
from hiredis import pack_command
from redis.client import Redis
from redis.exceptions import (
    ConnectionError,  # noqa: A004
    NoScriptError,
    RedisError,
    ResponseError,
)

from newsfeed.breaker import Breaker, BreakerOpen
from newsfeed.redis import cluster
from newsfeed.redis.topology import Cluster
from newsfeed.redis.wire import Command, borrowed, read_reply

__all__ = ["Client", "Cluster", "Command", "RedisError", "RedisUnavailable", "Script", "ask"]

FOREIGN = b""


class RedisUnavailable(Exception):
    """Redis did not answer in time, refused, or is not asked for now."""


class Script:
    """For EVALSHA, with one key."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text()
        # Redis names scripts so.
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        _sources[self.sha] = self.source


_sources: dict[str, str] = {}


class Client:
    """The Redis of one entry in settings.CACHES. Every method raises RedisError.

    The breaker, if there is one, guards each call but a ping.
    """

    def __init__(self, alias: str, breaker: Breaker | None = None) -> None:
        self._alias = alias
        self._breaker = breaker

    @property
    def connection(self) -> Redis | Cluster:
        connection: Redis | Cluster = get_redis_connection(self._alias)
        return connection

    def send(self, commands: Iterable[Command], *, durable: bool = False) -> list[Any]:
        """The replies, in order."""
        try:
            with self._breaker.guard() if self._breaker else nullcontext():
                return _round_trip(self.connection, commands, durable=durable)
        except BreakerOpen as error:
            raise ConnectionError("not asked, since its last calls failed") from error

    def ping(self) -> None:
        """A cluster answers if all of its slots are served."""
        redis = self.connection
        if isinstance(redis, Cluster):
            cluster.ping(redis)
        else:
            redis.ping()


breaker = Breaker("redis", slow_seconds=0.2)
requests = Client("default", breaker)
"""Gives up after a quarter of a second: the caller goes on without Redis."""
workers = Client("worker")
"""Waits longer: the caller has nothing else to do."""


def ask(*commands: Command, durable: bool = False) -> list[Any]:
    """For requests: the replies, in order. Raises RedisUnavailable."""
    try:
        return requests.send(commands, durable=durable)
    except RedisError as error:
        raise RedisUnavailable(f"{type(error).__name__}: {error}") from error


def _round_trip(
    redis: Redis | Cluster, commands: Iterable[Command], *, durable: bool = False
) -> list[Any]:
    """By hand: redis-py's pipeline spends four times the CPU. Raises the first error among replies.

    Not a transaction, and in a cluster in no order: each command has one key, and they may lie on
    different nodes. Scripts that Redis has lost are sent to it, which costs a second round trip.
    `durable`: waits until a replica has the writes, so that a failover does not lose them.
    For a key of a wrong type the reply is FOREIGN, as if the key held an empty string.
    """
    commands = list(commands)
    replies = _exchange(redis, commands, durable=durable)
    lost = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if lost:
        again = _exchange(redis, [_with_source(commands[n]) for n in lost], durable=durable)
        for n, reply in zip(lost, again, strict=True):
            replies[n] = reply
    for n, reply in enumerate(replies):
        if isinstance(reply, ResponseError) and "WRONGTYPE" in str(reply):
            replies[n] = FOREIGN
        elif isinstance(reply, RedisError):
            raise reply
    return replies


def _with_source(command: Command) -> Command:
    _, sha, *arguments = command
    return ("EVAL", _sources[str(sha)], *arguments)


def _exchange(redis: Redis | Cluster, commands: Sequence[Command], *, durable: bool) -> list[Any]:
    if isinstance(redis, Cluster):
        return cluster.exchange(redis, commands, durable=durable)
    packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]
    with borrowed(redis.connection_pool) as connection:
        connection.send_packed_command([b"".join(packed)])
        return [read_reply(connection) for _ in packed]
