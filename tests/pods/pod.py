"""A pod of k8s/base/app as processes of this machine: started, probed and ended as it says."""

import json
import os
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from conftest import free_port
from dev.control import ROOT, Control
from tests.deadline import wait_until
from tests.k8s.objects import environment, workload
from tests.k8s.rendering import Manifest
from tests.processes import end, kill

IMAGE_COMMAND: list[str] = json.loads((ROOT / "Dockerfile").read_text().rpartition("CMD ")[2])
NO_ANSWER = 0


class Pod:
    """Has the environment of the manifests, but for the stack's servers and free ports."""

    def __init__(self, docs: list[Manifest], name: str, stack: Control) -> None:
        self.name = name
        self._spec = workload(docs, name).pod
        [self._container] = self._spec["containers"]
        self._local = {port["containerPort"]: free_port() for port in self._container["ports"]}
        self._named = {p["name"]: self._local[p["containerPort"]] for p in self._container["ports"]}
        given = environment(docs, self._container)
        for variable in ("WEB_BIND", "WEB_METRICS_BIND"):
            if variable in given:
                number = int(given[variable].rpartition(":")[2])
                given[variable] = f"127.0.0.1:{self._local[number]}"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        theirs = {key: value for key, value in stack.env.items() if not key.startswith("WEB_")}
        self._env = os.environ | given | theirs | {"PATH": path}
        self._log = stack.state / "log" / f"{name}-{min(self._local.values())}.log"

    def port(self, name: str) -> int:
        """Where the container's port of this name is here."""
        return self._named[name]

    def start(self) -> None:
        """Returns when the init containers are done and the container runs."""
        for container in self._spec.get("initContainers", []):
            process = self._popen(container["command"])
            try:
                assert process.wait(180) == 0, self.log()
            finally:
                kill(process)
        command = self._container.get("command", IMAGE_COMMAND)
        ports = {str(number): str(local) for number, local in self._local.items()}
        self.process = self._popen([ports.get(word, word) for word in command])

    def probe(self, kind: str) -> int:
        """The status of the answer that comes in the probe's time, or NO_ANSWER."""
        probe = self._container[kind]
        seconds, asked = probe.get("timeoutSeconds", 1), probe["httpGet"]
        headers = {header["name"]: header["value"] for header in asked.get("httpHeaders", [])}
        connection = HTTPConnection("127.0.0.1", self._named[asked["port"]], timeout=seconds)
        began = time.monotonic()
        try:
            connection.request("GET", asked["path"], headers=headers)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return NO_ANSWER
        finally:
            connection.close()
        return status if time.monotonic() - began < seconds else NO_ANSWER

    def verdict(self, kind: str) -> int:
        """The status that counts: one failure does not, but as many in a row as the probe says."""
        for _ in range(self._container[kind].get("failureThreshold", 3)):
            if (status := self.probe(kind)) == 200:
                break
        return status

    def wait_until_ready(self, seconds: float = 180) -> None:
        wait_until(self._is_ready, seconds, f"{self.name} is ready", self.log)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        return self.probe("startupProbe") == self.probe("readinessProbe") == 200

    def delete(self) -> None:
        """Fails when it does not end by itself, with 0, in its time of grace."""
        hook: dict[str, Any] = self._container.get("lifecycle", {}).get("preStop", {})
        pause = hook.get("sleep", {}).get("seconds", 0)
        time.sleep(pause)
        seconds = self._spec["terminationGracePeriodSeconds"] - pause
        status = end(self.process, seconds=seconds)
        assert status == 0, f"{self.name} ended with {status}: {self.log()}"

    def kill(self) -> None:
        """If it runs still."""
        kill(self.process)

    def log(self) -> str:
        return self._log.read_text()

    def _popen(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(command, cwd=ROOT, env=self._env, stdout=log, stderr=log)
