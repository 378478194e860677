import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from django.test.utils import override_settings
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import caches_at, free_port
from feeds import store
from feeds.store import Slice
from follows.models import Follow
from posts.models import Post

FEED = "/api/v1/feed/"
TOKEN = 77
Away = Callable[[], AbstractContextManager[object]]


def make_ready(user_id: int, ids: Iterable[int] = (), floor: int = 0) -> None:
    """Makes a ready feed of these ids, given newest first."""
    store.workers.invalidate([user_id])
    assert store.workers.begin(user_id, TOKEN)
    assert store.workers.finish(user_id, TOKEN, Slice(list(ids), floor))


def read(user_id: int, before: int = 2**63 - 1, limit: int = 1_000) -> Slice | None:
    return store.workers.read(user_id, before=before, limit=limit)


def stored_ids(user_id: int) -> list[int]:
    """What a ready feed holds, newest first."""
    page = read(user_id)
    assert page is not None, "the feed is cold, or being built"
    return page.ids


def edges(followee: User, followers: Iterable[User]) -> None:
    """Follows without an event, as if they had always been there."""
    Follow.objects.bulk_create(Follow(follower=one, followee=followee) for one in followers)


def crowd(size: int) -> list[User]:
    """Users who are nobody in particular, by id."""
    names = [f"user_{n}" for n in range(size)]
    User.objects.bulk_create(User(username=name) for name in names)
    return list(User.objects.filter(username__in=names).order_by("pk"))


def write_posts(author: User, count: int) -> list[int]:
    """Posts without an event; their ids, newest first."""
    Post.objects.bulk_create(Post(user=author, content=f"post {n}") for n in range(count))
    ids = Post.objects.filter(user=author).order_by("-pk").values_list("pk", flat=True)
    return list(ids[:count])


def walk(client: APIClient, limit: int) -> list[list[int]]:
    """All pages of the feed, as ids."""
    pages, path = [], f"{FEED}?limit={limit}"
    while path:
        response = client.get(path)
        assert response.status_code == 200, response.content
        pages.append([post["id"] for post in response.json()["results"]])
        path = response.json()["next"]
    return pages


@pytest.fixture
def follow(alice: User, bob: User) -> None:
    """Bob follows alice."""
    edges(alice, [bob])


class RedisServer:
    """A server of the test's own: to stop, to freeze and to fill."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._log = folder / "redis.log"
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder), "--save", ""]
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log)  # noqa: S603
        deadline = time.monotonic() + 10
        while not self._listens():
            assert time.monotonic() < deadline, self._log.read_text()

    def _listens(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.thaw()
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def redis_server(tmp_path: Path, settings: Settings) -> Iterator[RedisServer]:
    """The feeds are on it during the test."""
    server = RedisServer(tmp_path)
    settings.CACHES = caches_at(netloc=f"127.0.0.1:{server.port}")
    yield server
    server.stop()


@pytest.fixture
def redis_away() -> Away:
    """A block in which nobody listens where Redis should be."""
    return lambda: override_settings(CACHES=caches_at(netloc=f"127.0.0.1:{free_port()}"))
