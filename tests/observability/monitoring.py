"""Debian's Prometheus and exporters beside the running service, configured as in k8s/."""

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import yaml

from conftest import free_port
from dev.control import Control
from k8s.generate.prometheus_rule import K8S, RULES
from tests.deadline import wait_until
from tests.k8s.tools import program
from tests.processes import kill

CONFIG = K8S / "base" / "monitoring" / "prometheus" / "prometheus.yml"
META = "__meta_kubernetes_"
SECONDS = 2
"""Between scrapes, and so long each may take."""
JUDGED = "min(prometheus_rule_group_last_evaluation_timestamp_seconds)"


class Target(NamedTuple):
    """What a pod's labels in k8s/ say of it, and where it listens here."""

    component: str
    port: int
    group: str = ""


class Prometheus:
    """Scrapes and judges more often. Otherwise only its targets differ from k8s/."""

    asked_at = 0.0
    """Queries are answered as of then. However late they come, the traffic is not long ago, and no
    target that stumbles meanwhile is missing."""

    def __init__(self, folder: Path, targets: list[Target]) -> None:
        self._port, self._folder = free_port(), folder
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), f"{SECONDS}s")
        config["rule_files"] = [f"{RULES}/*.yml"]
        pods, own = config["scrape_configs"]
        del pods["kubernetes_sd_configs"]
        pods["static_configs"] = [_discovered(target) for target in targets]
        own["static_configs"] = [{"targets": [f"127.0.0.1:{self._port}"]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def command(self) -> list[str]:
        return [
            program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]

    def query(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series. Raises HTTPError for what is no query."""
        result = self.ask("query", query=expr, time=str(self.asked_at))["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def wait_for_scrapes(self, count: int, jobs: int) -> None:
        """Of every target so many more that were answered, and then a judgement by every rule."""
        since = time.time()

        def are_done() -> bool:
            self.asked_at = time.time() - SECONDS  # what was asked before is answered by now
            try:
                up = self.query("up == 1")
                answered = self.query(f"sum_over_time(up[{max(1, int(self.asked_at - since))}s])")
                [(_, judged_at)] = self.query(JUDGED)
            except (OSError, ValueError):
                return False
            times = [value for _, value in answered]
            return len(up) == len(times) == jobs and min(times) >= count and judged_at >= since

        wait_until(are_done, 120, f"{count} scrapes", lambda: str(self.query("up")))

    def wait_until_rules_are_well(self) -> None:
        """Whether a rule can be judged is not known before it was."""
        wait_until(lambda: self._health() == {"ok"}, 60, "rules", lambda: str(self.ask("rules")))

    def _health(self) -> set[str]:
        groups = self.ask("rules")["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}


def _discovered(target: Target) -> dict[str, Any]:
    """As Kubernetes' discovery would tell it; the shipped relabelling makes our labels of it."""
    labels = {
        "pod_container_port_name": "metrics",
        "pod_phase": "Running",
        "pod_label_app_kubernetes_io_component": target.component,
        "pod_label_feed_group": target.group,
        "namespace": "newsfeed",
        "pod_name": f"{target.component}-1",
    }
    given = {f"{META}{name}": value for name, value in labels.items()}
    return {"targets": [f"127.0.0.1:{target.port}"], "labels": given}


def redis_exporter(stack: Control, port: int) -> tuple[list[str], Mapping[str, str]]:
    command = [program("prometheus-redis-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    return command, {"REDIS_ADDR": stack.env["REDIS_URL"]}


def mysqld_exporter(stack: Control, port: int) -> tuple[list[str], Mapping[str, str]]:
    """Old ones take an account from DATA_SOURCE_NAME, new ones from flags; both from a file."""
    account = stack.state / "mysqld-exporter.cnf"
    account.write_text(
        "[client]\nhost=127.0.0.1\n"
        f"port={stack.ports.mariadb}\nuser=newsfeed\npassword={stack.secret}\n"
    )
    command = [program("prometheus-mysqld-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
    return [*command, f"--config.my-cnf={account}"], {}


@contextmanager
def running(
    folder: Path, command: list[str], env: Mapping[str, str] | None = None
) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | (env or {}), stdout=log, stderr=log)
    try:
        yield
    finally:
        kill(process)  # nothing of it is kept
