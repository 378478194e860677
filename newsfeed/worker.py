"""What the long-running commands share: a loop that ends cleanly, `/livez` and `/metrics`."""

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue

from django.core.management import CommandError
from django.db import close_old_connections, connections
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

logger = logging.getLogger(__name__)

STALE_SECONDS = 60
"""A step that takes longer than this is stuck: `/livez` says so, and whoever watches restarts."""
DATABASE_SECONDS = 10
"""For one answer. A connection that died without a word would be waited for without end."""


def run(step: Callable[[], int], *, idle_seconds: float = 0, port: int = 0) -> None:
    """Calls `step` until SIGTERM or SIGINT, which let the step in hand finish.

    A step returns how much it has done; after 0 the loop rests for `idle_seconds`. Port 0 serves
    nothing. Raises CommandError when the port cannot be had.
    """
    # Not an Event: a handler that runs while `wait` holds the Event's lock waits for it forever.
    stopping: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.put(received))
    connections.settings["default"]["OPTIONS"]["read_timeout"] = DATABASE_SECONDS
    # What was made up to here stays; walking over it again and again cost a quarter of the CPU.
    gc.collect()
    gc.freeze()
    with _serve(port) as beat:
        while stopping.empty():
            beat()
            close_old_connections()
            if not step():
                _rest(stopping, idle_seconds)
    logger.info("stopped")


def _rest(stopping: SimpleQueue[int], seconds: float) -> None:
    """Until there is a signal, which stays in the queue, or the time is over."""
    with suppress(Empty):
        stopping.put(stopping.get(timeout=seconds))


class _Server(ThreadingHTTPServer):
    last_beat: float

    def beat(self) -> None:
        self.last_beat = time.monotonic()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, CONTENT_TYPE_LATEST, generate_latest())
        elif self.path == "/livez":
            age = time.monotonic() - self.server.last_beat
            status = 200 if age < STALE_SECONDS else 503
            self.answer(status, "text/plain", f"last step began {age:.1f} s ago\n".encode())
        else:
            self.answer(404, "text/plain", b"/livez or /metrics\n")

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A probe every few seconds is not news."""


@contextmanager
def _serve(port: int) -> Iterator[Callable[[], None]]:
    """Yields what to call at each step."""
    if not port:
        yield lambda: None
        return
    try:
        server = _Server(("", port), _Handler)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Cannot serve /livez and /metrics on port {port}: {error}") from error
    with server:
        server.beat()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.beat
        server.shutdown()
