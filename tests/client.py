"""People who use the service over HTTP, as any client would."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from email.message import Message
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

PASSWORD = "correct horse battery staple"
TIMEOUT_SECONDS = 30


class Answer(NamedTuple):
    status: int
    content_type: str
    body: Any
    seconds: float
    headers: Message


class Person:
    def __init__(self, url: str, user_id: int = 0, token: str = "") -> None:
        self.url, self.id, self._token = url, user_id, token

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        key: str = "",
        *,
        chunked: bool = False,
    ) -> Answer:
        """The path is below /api/v1, or the absolute URL of a `next`; `key` is Idempotency-Key."""
        url = urlsplit(path if "://" in path else f"{self.url}/api/v1{path}")
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key:
            headers["Idempotency-Key"] = key
        target = f"{url.path}?{url.query}" if url.query else url.path
        began = time.monotonic()
        with closing(HTTPConnection(url.netloc, timeout=TIMEOUT_SECONDS)) as connection:
            data = json.dumps(body).encode() if body else None
            sent = iter([data]) if chunked and data else data
            connection.request(method, target, sent, headers, encode_chunked=chunked)
            response = connection.getresponse()
            content = response.read()
        seconds = time.monotonic() - began
        parsed, type_ = json.loads(content or "null"), response.headers.get_content_type()
        return Answer(response.status, type_, parsed, seconds, response.headers)

    def done(self, status: int, method: str, path: str, body: object = None) -> Any:
        """The body of an answer that must have this status."""
        answer = self.call(method, path, body)
        assert answer.status == status, f"{method} {path}: {answer}"
        return answer.body

    def posts(self, content: str) -> int:
        """The new post's id."""
        return int(self.done(201, "POST", "/posts/", {"content": content})["id"])

    def posts_once(self, content: str, key: str) -> Answer:
        """Sends the post until it is answered, whatever becomes of the server meanwhile."""
        while True:
            with suppress(OSError, HTTPException):
                answer = self.call("POST", "/posts/", {"content": content}, key)
                if answer.status == 201:
                    return answer
                assert answer.status in (409, 503), answer
                assert answer.headers["Retry-After"]
            time.sleep(0.05)

    def deletes(self, post_id: int) -> None:
        self.done(204, "DELETE", f"/posts/{post_id}/")

    def follows(self, other: "Person") -> None:
        self.done(201, "POST", f"/users/{other.id}/follow/")

    def unfollows(self, other: "Person") -> None:
        self.done(204, "DELETE", f"/users/{other.id}/follow/")

    def feed(self) -> list[dict[str, Any]]:
        """The first page."""
        results: list[dict[str, Any]] = self.done(200, "GET", "/feed/")["results"]
        return results

    def feed_ids(self) -> list[int]:
        return [post["id"] for post in self.feed()]

    def feed_pages(self, limit: int) -> Iterator[list[int]]:
        """The ids of page after page, to the end of the feed."""
        path = f"/feed/?limit={limit}"
        while path:
            page = self.done(200, "GET", path)
            yield [post["id"] for post in page["results"]]
            path = page["next"]


def sign_up(url: str, username: str) -> Person:
    """Signs up and logs in."""
    nobody = Person(url)
    credentials = {"username": username, "password": PASSWORD}
    user = nobody.done(201, "POST", "/auth/signup/", credentials)
    tokens = nobody.done(200, "POST", "/auth/login/", credentials)
    return Person(url, user["id"], tokens["access"])
