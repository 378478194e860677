"""The gateway's nginx.conf under Debian's nginx."""

import http.client
import subprocess
from pathlib import Path

from conftest import free_port
from dev.nginx import directives, render
from tests.deadline import wait_until
from tests.k8s.objects import one
from tests.k8s.rendering import manifests_of
from tests.k8s.tools import program
from tests.processes import end


class Nginx:
    """The configuration as it is rendered; only addresses and folders are others."""

    def __init__(self, folder: Path, read_port: int, write_port: int) -> None:
        self.port, self.health_port = free_port(), free_port()
        conf = one(manifests_of("production"), "ConfigMap", "gateway")["data"]["nginx.conf"]
        self._conf, self._log = folder / "nginx.conf", folder / "nginx.log"
        self._conf.write_text(
            render(
                conf,
                folder,
                port=self.port,
                health_port=self.health_port,
                read=read_port,
                write=write_port,
            )
        )

    def start(self) -> None:
        command = [program("nginx"), "-c", str(self._conf), "-e", "stderr", "-g", directives()]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait_until_ready(self) -> None:
        wait_until(self._listens, 60, "nginx listens", self.log)

    def end(self) -> None:
        end(self._process)

    def log(self) -> str:
        return self._log.read_text()

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log()
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
