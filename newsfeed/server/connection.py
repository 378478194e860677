"""A client's connection, as gunicorn's threads and the loop of the worker share it."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gunicorn.workers.gthread import TConn

from newsfeed.server.framing import Framing

KEPT = 2 * 1024 * 1024
"""Bytes of an answer that wait for the client without a thread: more than any page has."""
READ = 64 * 1024


class ClientSocket(socket.socket):
    """Never keeps a thread after `deadline`, by the monotonic clock, whatever the client does.

    Python's own timeout begins again with each call, so a client could take a byte at a time.
    """

    def __init__(self, taken: socket.socket) -> None:
        super().__init__(fileno=taken.detach())
        self.deadline = 0.0
        self.received = bytearray()
        """What the loop has read for a thread."""
        self.unsent = bytearray()

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        # In pieces: gunicorn's parser copies the rest of a piece for each chunk of a body.
        if self.received:
            data = bytes(self.received[:size])
            del self.received[:size]
            return data
        with self._in_time():
            return super().recv(size, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Sends what the client takes at once, and waits only with more than KEPT bytes."""
        self.unsent += data
        self.send_now()
        if len(self.unsent) <= KEPT:
            return
        rest, self.unsent = self.unsent, bytearray()
        with self._in_time():
            super().sendall(rest, flags)

    def recv_now(self) -> bytes | None:
        """The bytes that have come; None if there are none, b"" if the client has gone."""
        self.settimeout(0)
        try:
            return super().recv(READ)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def send_now(self) -> None:
        """Raises OSError."""
        self.settimeout(0)
        try:
            while self.unsent:
                del self.unsent[: self.send(self.unsent)]
        except BlockingIOError:
            pass

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        left = self.deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            # gunicorn may have set a shorter one, to drain a connection that it closes.
            self.settimeout(min(left, self.gettimeout() or left))
            yield
        except TimeoutError as error:
            # gunicorn takes this number for a client that has gone.
            raise TimeoutError(errno.EPIPE, "the client took too long") from error


class Connection(TConn):  # type: ignore[misc]
    sock: ClientSocket

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.received = bytearray()
        self.framing = Framing()

    def hand_over(self, seconds: float) -> None:
        """Gives the received bytes to gunicorn's parser, and `seconds` to a thread for them."""
        self.sock.deadline = time.monotonic() + seconds
        self.data_ready = True
        self.init()
        self.sock.received = self.received
        self.received, self.framing = bytearray(), Framing()

    def take_back(self) -> None:
        """Takes back what the client has sent of its next request."""
        self.received += self.parser.unreader.take_buffered() + self.sock.received
        self.sock.received.clear()
