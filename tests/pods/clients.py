"""People who use the API behind a balancer that ended TLS for them."""

import json
from http.client import HTTPConnection
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 30


class Answer(NamedTuple):
    status: int
    body: Any


class Client:
    """With a connection of its own. Sends nothing twice."""

    def __init__(self, port: int, token: str, *, keeps: bool = True) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._keeps = keeps
        self._headers = {
            "Host": "localhost",
            "X-Forwarded-Proto": "https",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """The path is below /api/v1. Raises OSError and HTTPException."""
        content = json.dumps(body) if body else None
        try:
            self._connection.request(method, f"/api/v1{path}", content, self._headers)
            response = self._connection.getresponse()
            answer = Answer(response.status, json.loads(response.read() or "null"))
        except BaseException:
            self.close()
            raise
        if not self._keeps:
            self.close()
        return answer

    def close(self) -> None:
        self._connection.close()
