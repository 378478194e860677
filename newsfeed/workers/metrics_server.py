"""What each process answers on a port that the public cannot reach: /livez and /metrics."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

Liveness = Callable[[], tuple[bool, str]]
"""Whether the process lives, and a line that says by what."""


class MetricsServer(ThreadingHTTPServer):
    """Answers in threads of its own. Raises OSError or OverflowError for a port it cannot have."""

    def __init__(
        self, host: str, port: int, liveness: Liveness, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.liveness, self.registry = liveness, registry
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, CONTENT_TYPE_LATEST, generate_latest(self.server.registry))
        elif self.path == "/livez":
            lives, line = self.server.liveness()
            self.answer(200 if lives else 503, "text/plain", f"{line}\n".encode())
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
