"""Redis for requests: several commands in one round trip, behind one breaker for all of them."""

from collections.abc import Iterable
from hashlib import sha1
from pathlib import Path
from typing import Any

from django_redis import get_redis_connection
from hiredis import pack_command
from redis.client import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from newsfeed.breaker import Breaker, BreakerOpen

Command = tuple[str | bytes | int, ...]

breaker = Breaker("redis", slow_seconds=0.2)


class RedisUnavailable(Exception):
    """Redis did not answer in time, refused, or is not asked for now."""


class Script:
    """For EVALSHA."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text()
        # Redis names scripts so.
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        _sources[self.sha] = self.source


_sources: dict[str, str] = {}


def ask(*commands: Command) -> list[Any]:
    """The replies, in order. Gives up after a quarter of a second. Raises RedisUnavailable.

    A Script that Redis has lost is sent to it, which costs a second round trip.
    """
    try:
        with breaker.guard():
            redis = get_redis_connection("default")
            replies = _exchange(redis, commands)
            for n, reply in enumerate(replies):
                if isinstance(reply, NoScriptError):
                    _, sha, *arguments = commands[n]
                    again = ("EVAL", _sources[str(sha)], *arguments)
                    (replies[n],) = _exchange(redis, [again])
            return _good(replies)
    except (RedisError, BreakerOpen) as error:
        raise RedisUnavailable(f"{type(error).__name__}: {error}") from error


def round_trip(redis: Redis, commands: Iterable[Command]) -> list[Any]:
    """By hand: redis-py's pipeline spends four times the CPU. Raises the first error among replies.

    Not a transaction. Each command names the keys it needs, so they may lie on different nodes.
    """
    return _good(_exchange(redis, commands))


def _good(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies


def _exchange(redis: Redis, commands: Iterable[Command]) -> list[Any]:
    packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]
    pool = redis.connection_pool
    connection = pool.get_connection()
    try:
        connection.send_packed_command([b"".join(packed)])  # type: ignore[no-untyped-call]
        return [_read_reply(connection) for _ in packed]
    except BaseException:
        # Replies that nobody has read must not meet the next caller.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.release(connection)


def _read_reply(connection: Any) -> Any:
    """An error is a reply like others: those behind it must be read too."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
