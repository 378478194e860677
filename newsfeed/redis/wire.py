"""Commands and replies on one connection to Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis.connection import ConnectionPool
from redis.exceptions import ResponseError

Command = tuple[str | bytes | int, ...]


@contextmanager
def borrowed(pool: ConnectionPool) -> Iterator[Any]:
    """A connection of the pool, for a block that reads all replies to what it sends."""
    connection: Any = pool.get_connection()
    try:
        yield connection
    except BaseException:
        # Replies that nobody has read must not meet the next caller.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def read_reply(connection: Any) -> Any:
    """An error is a reply like others: those behind it must be read too."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
