"""The worker of gunicorn.conf.py in a thread, with an application of its own."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from selectors import DefaultSelector
from threading import Barrier, Event, Thread
from typing import Any
from unittest.mock import Mock

from gunicorn.config import Config
from gunicorn.glogging import Logger

from newsfeed.server import worker

THREADS = 2
PAGE = 8 * 1024 * 1024
"""Bytes: more than the kernel takes."""
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


class Server:
    def __init__(self) -> None:
        config = Config()
        config.set("threads", THREADS)
        listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address = listener.getsockname()
        self.ended = SimpleQueue[str]()
        """Paths of the requests whose answers are closed."""
        self.hashing, self.may_end = SimpleQueue[str](), Event()
        self.worker = worker.Worker(
            0, os.getppid(), [listener], None, 30, config, Mock(spec=Logger)
        )
        self.worker.wsgi = self._answer
        self.worker.tpool = self.worker.get_thread_pool()
        self.worker.poller = DefaultSelector()
        self.worker.method_queue.init()
        self._thread = Thread(target=self.worker.run)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        path = environ["PATH_INFO"]
        start_response("200 OK", [("X-Path", path)])
        try:
            if path == "/page":
                yield b"x" * PAGE
            elif path == "/endless":
                while True:
                    yield b"x" * PAGE
            elif path == "/hash":
                self.hashing.put(path)
                self.may_end.wait(30)
            elif path == "/fails":
                raise KeyError
            elif path == "/echo":
                yield environ["wsgi.input"].read()
        finally:
            self.ended.put(path)

    def open(self, sent: bytes = b"") -> socket.socket:
        connection = socket.create_connection(self.address, timeout=30)
        connection.sendall(sent)
        return connection

    def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Until the server closes."""
        with self.open(sent) as connection:
            answer = b""
            while data := connection.recv(65536):
                answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"Content-Type: application/problem+json" in head, answer
        return int(head.split()[1]), body

    def pings(self) -> bool:
        with self.open(PING) as connection:
            return connection.recv(99).startswith(b"HTTP/1.1 200")

    def begin_to_stop(self) -> None:
        assert self.pings()  # what was opened before has been accepted
        self.worker.handle_exit(0, None)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Between two turns of its loop."""
        both, ended = Barrier(2), Event()

        def wait() -> None:
            both.wait(30)
            ended.wait(30)

        self.worker.method_queue.defer(wait)
        both.wait(30)
        yield
        ended.set()

    def stop(self) -> None:
        self.worker.handle_exit(0, None)
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.worker.tmp.close()
