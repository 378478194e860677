"""A stack that this process runs, by a supervisord of its own and dev/supervisord.conf."""

import json
import os
import pwd
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self
from xmlrpc.client import Fault

from dev.control import APPS, ROOT, STORES, Control, StackError
from dev.nginx import directives, prepare_web
from dev.ports import Ports
from dev.stores import JAVA, kafka_jars, prepare_stores

TITLES = {
    "web": "nginx",
    "api": "the API",
    "mariadb": "MariaDB",
    "redis": "Redis",
    "kafka": "Kafka",
}


class Stack(Control):
    """Used with `with`: leaving the block stops whatever was started in it."""

    def __init__(self, state: Path, ports: Ports, database_url: str | None = None) -> None:
        (state / "log").mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)
        secret_file = state / "secret"
        if not secret_file.exists():
            secret_file.write_text(secrets.token_hex(32))
        secret = secret_file.read_text()
        own_url = f"mysql://newsfeed:{secret}@127.0.0.1:{ports.mariadb}/newsfeed"
        super().__init__(state, ports, secret, database_url or own_url)
        self.stores = STORES[1:] if database_url else STORES
        self._supervisord: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._supervisord:
            with step("stopping everything"):
                self.stop()

    def start_stores(self) -> None:
        for name, port in self.ports.taken().items():
            title = TITLES.get(name, name)
            raise StackError(f"port {port} ({title}) is taken; NEWSFEED_PORT_BASE moves all ports")
        own_database = "mariadb" in self.stores
        prepare_stores(self.state, self.ports, self.secret, mariadb=own_database)
        prepare_web(self.state, self.ports)
        self._save()
        self._start_supervisord()
        self.start(*self.stores)

    def start_apps(self) -> None:
        self.start(*APPS)
        self.wait_ready(*APPS)

    def start_web(self) -> None:
        """nginx in front of the API."""
        self.start("web")
        self.wait_ready("web")

    def stop(self) -> None:
        assert self._supervisord
        for name in STORES + APPS:
            with suppress(OSError, Fault):
                self.signal(name, "CONT")  # what a test has frozen could not end
        self._supervisord.terminate()
        try:
            self._supervisord.wait(timeout=90)
        except subprocess.TimeoutExpired:
            self._supervisord.kill()
            self._supervisord.wait()

    def log(self) -> Iterator[str]:
        """The lines supervisord writes from now on, until it ends."""
        assert self._supervisord
        path = self.state / "log" / "supervisord.log"
        file = path.open()
        file.seek(0, os.SEEK_END)
        while True:
            if line := file.readline():
                yield line.rstrip("\n")
            elif self._supervisord.poll() is not None:
                return
            elif path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file = path.open()  # it was full
            else:
                time.sleep(0.2)

    def _save(self) -> None:
        """For `Control.attach`, and for a shell: `set -a; . .local/run/env`."""
        saved = {"ports": asdict(self.ports), "secret": self.secret}
        (self.state / "stack.json").write_text(
            json.dumps(saved | {"database_url": self.database_url})
        )
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in self.env.items()]
        (self.state / "env").write_text("".join(lines))
        self.override_for_apps({})

    def _start_supervisord(self) -> None:
        # setpriv: should we be killed, it hears of it and stops.
        command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "supervisor.supervisord"]
        command += ["--configuration", "dev/supervisord.conf"]
        if os.getuid() == 0:
            command += ["--user", "root"]  # or it warns of what we know
        errors = self.state / "log" / "supervisord.err"
        with errors.open("wb") as stderr:
            self._supervisord = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | self.env | self._program_env(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                # A Ctrl-C in the terminal is for us alone: we stop the programs in order.
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self.is_supervised():
            if self._supervisord.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"supervisord does not start: {errors.read_text()}")
            time.sleep(0.05)

    def _program_env(self) -> dict[str, str]:
        """What dev/supervisord.conf asks for."""
        ports = asdict(self.ports).items()
        return {f"NEWSFEED_{name}_PORT".upper(): str(port) for name, port in ports} | {
            "NEWSFEED_STACK_SECRET": self.secret,
            "NEWSFEED_USER": _user_name(),
            "NEWSFEED_PYTHON": sys.executable,
            "NEWSFEED_NGINX_DIRECTIVES": directives(),
            "NEWSFEED_JAVA": str(JAVA),
            "NEWSFEED_KAFKA_JARS": kafka_jars(self.state),
        }


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


@contextmanager
def step(text: str) -> Iterator[None]:
    """Says what is done, and then how long it took, if anybody still listens."""
    began = time.monotonic()
    with suppress(OSError):
        print(f"newsfeed: {text}", end=" ... ", file=sys.stderr, flush=True)
    end = "failed"
    try:
        yield
        end = f"{time.monotonic() - began:.1f} s"
    finally:
        with suppress(OSError):
            print(end, file=sys.stderr, flush=True)
