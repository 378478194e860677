"""A command of manage.py as a process of its own, on the servers and names of the test."""

import os
import subprocess
import urllib.request
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection

from conftest import free_port
from tests.names import REDIS_PATH
from tests.processes import Program


class Process(Program):
    """Of a worker. Its environment differs from the test's in these variables, if any."""

    def __init__(self, folder: Path, command: str, *options: str, **variables: str) -> None:
        self.port = free_port()
        arguments = ["manage.py", command, "--metrics-port", str(self.port), *options]
        super().__init__(folder / f"{self.port}.log", *arguments, **names() | variables)
        self.start()

    def is_alive(self) -> bool:
        try:
            return bool(self.ask("/livez"))
        except OSError:  # not yet, or stale
            return False

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    def kill(self) -> None:
        """If it has to be: a killed consumer stays in its group for 6 s."""
        with suppress(subprocess.TimeoutExpired):
            self.end()


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
