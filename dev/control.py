"""The handle on a running stack: where it listens, and what can be done to its programs.

`Control.attach()` gives a child process of `python -m dev.stack exec` the same handle.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from xmlrpc.client import Error, ServerProxy

from dev import probes
from dev.ports import Ports

ROOT = Path(__file__).resolve().parent.parent
STORES = ("mariadb", "redis", "kafka")
APPS = ("api", "consumer", "relay")


class StackError(Exception):
    """Says in a sentence what is wrong with the stack."""


class Control:
    def __init__(self, state: Path, ports: Ports, secret: str, database_url: str) -> None:
        self.state = state
        self.ports = ports
        self.secret = secret
        self.database_url = database_url

    @classmethod
    def attach(cls) -> "Control":
        """The stack this process was started in by `python -m dev.stack`."""
        state = Path(os.environ["NEWSFEED_STACK_STATE"])
        saved = json.loads((state / "stack.json").read_text())
        return Control(state, Ports(**saved["ports"]), saved["secret"], saved["database_url"])

    @property
    def env(self) -> dict[str, str]:
        """What the Django project has to know of this stack."""
        return {
            "SECRET_KEY": self.secret,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"redis://:{self.secret}@127.0.0.1:{self.ports.redis}/0",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ports.kafka}",
            "KAFKA_MIN_INSYNC_REPLICAS": "1",
            "KAFKA_REPLICATION_FACTOR": "1",
            "WEB_BIND": f"127.0.0.1:{self.ports.api}",
            "WEB_METRICS_BIND": f"127.0.0.1:{self.ports.metrics}",
            "LOG_FORMAT": "line",
            "NEWSFEED_STACK_STATE": str(self.state),
        }

    @property
    def has_own_database(self) -> bool:
        """Whether the stack runs MariaDB, and was not given the URL of another server."""
        return urlsplit(self.database_url).port == self.ports.mariadb

    def override_for_apps(self, env: dict[str, str]) -> None:
        """Other values than those of `env` for the apps that are started from now on."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in env.items()]
        (self.state / "apps.env").write_text("".join(lines))

    def start(self, *names: str) -> None:
        for name in names:
            self._ask("startProcess", _full(name), False)  # noqa: FBT003

    def stop_program(self, name: str) -> None:
        """Stop it properly, and do not start it again."""
        self._ask("stopProcess", _full(name))

    def signal(self, name: str, sig: str) -> None:
        """Send `KILL`, `STOP`, `CONT`, ...; what dies of it is started again."""
        self._ask("signalProcess", _full(name), sig)

    def pid(self, name: str) -> int:
        """The process id, or 0 when the program does not run."""
        return cast("int", self._info(name)["pid"])

    def wait_ready(self, *names: str, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        for name in names:
            self._wait_for(name, deadline)

    def manage(self, *arguments: str) -> None:
        """Run a command of manage.py; what it prints is shown only when it fails."""
        log = self.state / "log" / "manage.log"
        command = [sys.executable, "manage.py", *arguments]
        with log.open("ab") as out:
            status = subprocess.run(
                command, cwd=ROOT, env=os.environ | self.env, stdout=out, stderr=out, check=False
            ).returncode
        if status:
            raise StackError(f"manage.py {' '.join(arguments)} failed; {last_lines(log)}")

    def prepare_apps(self) -> None:
        """Tables and topics."""
        self.manage("migrate", "--no-input")
        self.manage("topics", "ensure", "--days", "2")

    def is_supervised(self) -> bool:
        try:
            self._ask("getState")
        except (OSError, Error):
            return False
        return True

    def _ask(self, method: str, *arguments: Any) -> Any:
        # One connection per call: a ServerProxy must not be shared between threads.
        url = f"http://newsfeed:{self.secret}@127.0.0.1:{self.ports.control}/RPC2"
        with ServerProxy(url) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _info(self, name: str) -> dict[str, Any]:
        return cast("dict[str, Any]", self._ask("getProcessInfo", _full(name)))

    def _wait_for(self, name: str, deadline: float) -> None:
        deaths = set()
        while not probes.is_ready(name, self.ports, self.env):
            info = self._info(name)
            if info["statename"] in {"BACKOFF", "EXITED", "FATAL"}:
                deaths.add(info["stop"])
            words = info["spawnerr"], last_lines(self.state / "log" / f"{name}.log")
            if len(deaths) > 2:
                raise StackError(f"{name} does not start: {'; '.join(filter(None, words))}")
            if time.monotonic() > deadline:
                raise StackError(f"{name} is not ready in time: {'; '.join(filter(None, words))}")
            time.sleep(0.1)


def last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n  ".join([f"{log} ends with", *lines[-5:]])


def _full(name: str) -> str:
    return f"stores:{name}" if name in STORES else f"apps:{name}"
