"""A proxy before each server, through which the apps go while chaos runs."""

import subprocess
import sys
from typing import Self
from urllib.parse import urlsplit

from dev.control import APPS, ROOT, Control
from tests.faults.tcp_proxy import Mode


class Proxies:
    """Inside `with`, the apps reach the servers through them; tests go to the servers."""

    def __init__(self, stack: Control) -> None:
        self._stack, ports = stack, stack.ports
        self._ports = {
            "mariadb": ports.mariadb_proxy,
            "redis": ports.redis_proxy,
            "kafka": ports.kafka_proxy,
        }
        server = urlsplit(stack.database_url).netloc.rpartition("@")[2]
        self._servers = {
            "mariadb": server if ":" in server else f"{server}:3306",
            "redis": f"127.0.0.1:{ports.redis}",
            "kafka": f"127.0.0.1:{ports.kafka_behind_proxy}",
        }
        self.env = {
            "DATABASE_URL": _moved(stack.database_url, ports.mariadb_proxy),
            "REDIS_URL": _moved(stack.env["REDIS_URL"], ports.redis_proxy),
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.kafka_proxy}",
        }

    def __enter__(self) -> Self:
        routes = [f"{port}={self._servers[name]}" for name, port in self._ports.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.tcp_proxy", *routes],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._move_apps(self.env)
        return self

    def __exit__(self, *_: object) -> None:
        self._move_apps({})
        self._process.communicate(timeout=10)

    def _move_apps(self, env: dict[str, str]) -> None:
        self._stack.override_for_apps(env)
        for name in APPS:
            self._stack.stop_program(name)
        self._stack.start(*APPS)
        self._stack.wait_ready(*APPS)

    def enter(self, name: str, mode: Mode) -> None:
        assert self._process.stdin
        assert self._process.stdout
        line = f"{self._ports[name]} {mode}\n"
        self._process.stdin.write(line)
        self._process.stdin.flush()
        assert self._process.stdout.readline() == line


def _moved(url: str, port: int) -> str:
    """To a port of this machine, with the same log-in."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()
