"""gunicorn's threaded worker, whose threads do not wait for clients.

gunicorn gives a connection to a thread as soon as it is accepted, and the thread reads the request
and writes the answer at the client's speed: with eight threads, eight silent clients stop the
service. Here the loop reads requests and keeps an answer's last 2 MiB, as nginx does in front. So
clients that come past nginx keep no thread either (docs/design/slow-clients.md).
"""

import errno
import math
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from django.conf import settings
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from newsfeed.server.connection import ClientSocket, Connection
from newsfeed.server.framing import TooLarge
from newsfeed.server.refusals import problem, status_of

MAX_RECEIVED = 32 * 1024 * 1024
"""Bytes of requests that have not come whole; then the oldest are given up."""
MAX_UNSENT = 32
"""Answers that clients do not take; then the oldest is given up."""
PASSWORD_THREADS = 2
"""One computes a hash while the other talks to MySQL."""
MAX_PASSWORDS = 64
"""Requests that hash a password and wait, of a process: some three seconds of work."""

Expired = Callable[[Connection], None]


class Worker(ThreadWorker):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._watched: dict[Connection, tuple[float, Expired]] = {}
        """Until when, and what comes then. In the order in which they began."""
        self._received = 0
        self._swept = 0.0
        self._linger_until = math.inf
        """Until when a worker that stops waits for clients that have said nothing."""
        self._passwords = 0

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """For all but the requests that hash a password, which have threads of their own."""
        self._password_pool = ThreadPoolExecutor(PASSWORD_THREADS)
        return ThreadPoolExecutor(self.cfg.threads)

    def enqueue_req(self, conn: Connection) -> None:
        if not self._hashes(conn):
            super().enqueue_req(conn)
            return

        def finish(conn: Connection, done: "Future[bool]") -> None:
            self._passwords -= 1
            self.finish_request(conn, done)

        self._passwords += 1
        done = self._password_pool.submit(self.handle, conn)
        done.add_done_callback(lambda one: self.method_queue.defer(finish, conn, one))

    def _hashes(self, conn: Connection) -> bool:
        return conn.received.startswith(settings.PASSWORD_REQUESTS)

    def accept(self, listener: socket.socket) -> None:
        try:
            taken, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._lower_limit()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, ClientSocket(taken), address, listener.getsockname())
        if self.nr_conns >= self.worker_connections:
            self._drop_oldest()
        self._receive(conn)
        self._on_bytes(conn)

    def _lower_limit(self) -> None:
        """Leaves files for MySQL and others."""
        self.worker_connections = max(1, self.nr_conns * 9 // 10)
        self.max_keepalived = self.worker_connections - self.cfg.threads
        self.log.warning("Too few files: %s connections at most", self.worker_connections)

    def _drop_oldest(self) -> None:
        """Closes the oldest connection whose request is incomplete, so that a new one fits in."""
        waiting = (one for one in self._watched if not one.sock.unsent)
        if oldest := next(waiting, None):
            self._time_out(oldest)
            if oldest in self._watched:  # it lingers after its refusal
                self._close(oldest)

    def on_client_socket_readable(self, conn: Connection, client: ClientSocket) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)
        self._on_bytes(conn)

    def _receive(self, conn: Connection) -> None:
        self._watch(
            conn, EVENT_READ, settings.TIME_LIMITS.client_request, self._on_bytes, self._time_out
        )

    def _on_bytes(self, conn: Connection) -> None:
        data = conn.sock.recv_now()
        if data is None:
            return
        if not data:
            self._close(conn)
            return
        conn.received += data
        self._received += len(data)
        self._read(conn)
        while self._received > MAX_RECEIVED:
            self._time_out(next(one for one in self._watched if one.received))

    def _read(self, conn: Connection) -> None:
        """Hands the request to a thread if it is there, or else waits for the rest."""
        try:
            if conn.framing.is_whole(conn.received):
                if self._passwords >= MAX_PASSWORDS and self._hashes(conn):
                    self._refuse(conn, 503)
                    return
                self._unwatch(conn)
                self.enqueue_req(conn)
                return
        except TooLarge as error:
            self._refuse(conn, error.status)
            return
        if conn.framing.wants_continue:
            conn.framing.wants_continue = False
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def handle(self, conn: Connection) -> bool:
        """In a thread."""
        conn.hand_over(settings.TIME_LIMITS.client_answer)
        return bool(super().handle(conn))

    def handle_request(self, req: Any, conn: Connection) -> bool:
        # The loop has asked for the body, or it came unasked, or it is too large to be asked for.
        req._expected_100_continue = False
        return bool(super().handle_request(req, conn))

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:  # noqa: FBT001 (gunicorn's)
        conn.sock.deadline = 0  # no wait for the rest of a body that nobody reads
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:  # of a body that nobody has read: the request has its answer
            return False

    def handle_error(
        self, req: object, client: ClientSocket, addr: tuple[str, int] | None, exc: Exception
    ) -> None:
        status = status_of(exc)
        if status == 500:
            self.log.exception("Error handling request %s", getattr(req, "path", ""))
        else:
            self.log.warning("Invalid request from ip=%s: %s", (addr or ("",))[0], exc)
        with suppress(OSError):
            client.sendall(problem(status))

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """Back in the loop."""
        if conn.sock.fileno() < 0:  # gunicorn has closed it, in the midst of an answer
            self._close(conn)
        elif conn.sock.unsent:
            self._send_rest(conn, fs)
        elif fs.cancelled() or fs.exception() or not fs.result():
            self._linger(conn)
        else:
            conn.take_back()
            if conn.received:
                self._received += len(conn.received)
                self._receive(conn)
                self._read(conn)
            else:
                super().finish_request(conn, fs)

    def _send_rest(self, conn: Connection, fs: "Future[bool]") -> None:
        def on_writable(conn: Connection) -> None:
            try:
                conn.sock.send_now()
            except OSError:
                self._close(conn)
                return
            if not conn.sock.unsent:
                self._unwatch(conn)
                self.finish_request(conn, fs)

        self._watch(conn, EVENT_WRITE, settings.TIME_LIMITS.client_answer, on_writable, self._close)
        unsent = [one for one in self._watched if one.sock.unsent]
        if len(unsent) > MAX_UNSENT:
            self._close(unsent[0])

    def _refuse(self, conn: Connection, status: int) -> None:
        self.log.info("Refused with %s: ip=%s", status, conn.client[0])
        with suppress(OSError):
            conn.sock.unsent += problem(status)
            conn.sock.send_now()
        conn.sock.unsent.clear()
        self._unwatch(conn)
        conn.received.clear()
        self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        def on_bytes(conn: Connection) -> None:
            if conn.sock.recv_now() == b"":
                self._close(conn)

        self._watch(conn, EVENT_READ, settings.TIME_LIMITS.client_close, on_bytes, self._close)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)

    def _time_out(self, conn: Connection) -> None:
        if conn.received:
            self._refuse(conn, 408)
        else:
            self._close(conn)

    def _watch(
        self,
        conn: Connection,
        event: int,
        seconds: float,
        then: Callable[[Connection], None],
        expired: Expired,
    ) -> None:
        watch = (time.monotonic() + seconds, expired)

        def on_event(_: socket.socket) -> None:
            # An event before it in the same turn may have ended this.
            if self._watched.get(conn) is watch:
                then(conn)

        conn.sock.settimeout(0)
        self._watched[conn] = watch
        self.poller.register(conn.sock, event, on_event)

    def _unwatch(self, conn: Connection) -> None:
        if self._watched.pop(conn, None):
            self.poller.unregister(conn.sock)
        self._received -= len(conn.received)

    def _close(self, conn: Connection) -> None:
        self._unwatch(conn)
        conn.received.clear()
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """gunicorn calls it at each turn of the loop."""
        now = time.monotonic()
        if now < self._swept + 0.1:
            return
        self._swept = now
        if not self.alive:
            self._linger_until = min(self._linger_until, now + settings.TIME_LIMITS.client_close)
        for conn, (deadline, expired) in list(self._watched.items()):
            is_silent = not (conn.received or conn.sock.unsent)
            if deadline <= now or (is_silent and self._linger_until <= now):
                expired(conn)
