"""gunicorn as a process of its own, as the image starts it."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from conftest import free_port
from dev.control import ROOT
from tests.processes import Program
from tests.running import Service


class Gunicorn(Program):
    """Has two workers, and whatever servers the environment names. `start` before anything else."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        own = {
            "WEB_BIND": f"127.0.0.1:{self.port}",
            "WEB_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
            "WEB_CONCURRENCY": "2",
        }
        log = folder / f"gunicorn-{self.port}.log"
        super().__init__(log, "-m", "gunicorn", **own | variables)

    def migrate(self) -> None:
        """Makes the tables, where the environment names a database that has none."""
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=self._env, check=True)

    def wait_until_ready(self, seconds: float = 90) -> None:
        self.wait_until(self._answers, seconds)

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30
        ) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return sum(s.value for family in families for s in family.samples if s.name == name)

    def _answers(self) -> bool:
        try:
            for url in (f"{self.metrics_port}/metrics", f"{self.port}/livez"):
                urllib.request.urlopen(f"http://127.0.0.1:{url}", timeout=10).close()
        except OSError:
            return False
        return True


@contextmanager
def another_api(service: Service, env: dict[str, str]) -> Iterator[str]:
    """The URL of an API beside the service's own, with this on top of its environment."""
    given = {k: v for k, v in service.stack.env.items() if not k.startswith("WEB_")} | env
    gunicorn = Gunicorn(service.stack.state / "log", **given).start()
    try:
        gunicorn.wait_until_ready()
        yield f"http://127.0.0.1:{gunicorn.port}"
    finally:
        gunicorn.end()
