"""A command of manage.py as a process of its own, on the servers and names of the test."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection

from conftest import free_port
from tests.names import REDIS_PATH

ROOT = Path(__file__).parents[2]


class Process:
    """Of a worker. Its environment differs from the test's in these variables, if any."""

    def __init__(self, folder: Path, command: str, *options: str, **variables: str) -> None:
        self.port = free_port()
        self._log = folder / f"{self.port}.log"
        arguments = [sys.executable, "manage.py", command, "--metrics-port", str(self.port)]
        arguments += options
        env = os.environ | names() | variables
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(arguments, cwd=ROOT, env=env, stderr=log)  # noqa: S603

    def wait_until(self, reached: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not reached():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def is_alive(self) -> bool:
        try:
            return bool(self.ask("/livez"))
        except OSError:  # not yet, or stale
            return False

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = 60) -> int:
        """The exit code."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """If it has to be: a killed consumer stays in its group for 6 s."""
        try:
            self.end()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()

    def log(self) -> str:
        return self._log.read_text()


def names() -> dict[str, str]:
    database = connection.settings_dict["NAME"]
    return {
        "DATABASE_URL": f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{database}",
        "REDIS_URL": os.environ["REDIS_URL"].rpartition("/")[0] + REDIS_PATH,
        "KAFKA_TOPIC_PREFIX": settings.KAFKA_TOPIC_PREFIX,
        "KAFKA_CONSUMER_GROUP": settings.KAFKA_CONSUMER_GROUP,
    }


def nobody() -> str:
    """An address where nobody listens."""
    return f"127.0.0.1:{free_port()}"


def mysql_away() -> str:
    """A DATABASE_URL."""
    return f"{os.environ['DATABASE_URL'].split('@')[0]}@{nobody()}/newsfeed"
