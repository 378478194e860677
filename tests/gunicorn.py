"""gunicorn as a process of its own, as the image starts it."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from conftest import free_port
from tests.deadline import wait_until
from tests.processes import end

ROOT = Path(__file__).parents[1]


class Gunicorn:
    """Has two workers, and whatever servers the environment names. `start` before anything else."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self._env = {
            "WEB_BIND": f"127.0.0.1:{self.port}",
            "WEB_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
            "WEB_CONCURRENCY": "2",
        } | variables
        self._log = folder / f"gunicorn-{self.port}.log"

    def migrate(self) -> None:
        """Makes the tables, where the environment names a database that has none."""
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=os.environ | self._env, check=True)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn"],
                cwd=ROOT,
                env=os.environ | self._env,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self, seconds: float = 90) -> None:
        wait_until(self._answers, seconds, "gunicorn answers", self.log)

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30
        ) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return sum(s.value for family in families for s in family.samples if s.name == name)

    def log(self) -> str:
        return self._log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code."""
        return end(self.process, number)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            for url in (f"{self.metrics_port}/metrics", f"{self.port}/livez"):
                urllib.request.urlopen(f"http://127.0.0.1:{url}", timeout=10).close()
        except OSError:
            return False
        return True
