"""A Redis of a test's own: to stop, to freeze and to fill. Or none at all."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from django.test.utils import override_settings
from pytest_django.fixtures import Settings

from conftest import caches_at, free_port
from tests.deadline import wait_until
from tests.processes import kill

Away = Callable[[], AbstractContextManager[object]]


class RedisServer:
    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self._log = folder / "redis.log"
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        self._command += ["--dir", str(folder), "--save", "", *arguments]
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log)
        try:
            wait_until(self._listens, 60, "Redis listens", self._log.read_text)
        except BaseException:
            self.stop()
            raise

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
        kill(self._process)


@pytest.fixture
def redis_server(tmp_path: Path, settings: Settings) -> Iterator[RedisServer]:
    """Feeds and sessions are on it during the test."""
    server = RedisServer(tmp_path)
    settings.CACHES = caches_at(netloc=f"127.0.0.1:{server.port}")
    yield server
    server.stop()


@pytest.fixture
def redis_away() -> Away:
    """A block in which nobody listens where Redis should be."""
    return lambda: override_settings(CACHES=caches_at(netloc=f"127.0.0.1:{free_port()}"))
