"""The monitoring of compose.yaml is that of the manifests."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.objects import workload, workloads
from tests.k8s.rendering import K8S, ROOT, manifests_of
from tests.k8s.tools import run

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
MONITORING = {
    name for name, s in COMPOSE["services"].items() if "monitoring" in s.get("profiles", ())
}
CONFIG = (ROOT / "dev" / "prometheus.yml").read_text()
PARSED: dict[str, Any] = yaml.safe_load(CONFIG)
READ_IN_RULES = r'up\{job="([\w-]+)"(?:,group="(\w+)")?\}'


def _targets() -> list[tuple[str, dict[str, str]]]:
    jobs = [job for job in PARSED["scrape_configs"] if job["job_name"] != "prometheus"]
    configs = [config for job in jobs for config in job["static_configs"]]
    return [(target, c["labels"]) for c in configs for target in c["targets"]]


@pytest.mark.parametrize("name", sorted(MONITORING))
def test_images_are_those_of_the_manifests(name: str) -> None:
    images = {c["image"] for w in workloads(manifests_of("local")) for c in w.containers}
    assert COMPOSE["services"][name]["image"] in images


def test_its_nginx_is_the_manifests_and_alone_before_the_api() -> None:
    gateway = COMPOSE["services"]["gateway"]
    assert gateway["image"] == workload(manifests_of("local"), "gateway").containers[0]["image"]
    file, spool = (volume.split(":") for volume in gateway["volumes"])
    assert file[1:] == ["/etc/nginx/nginx.conf", "ro"]
    conf = (ROOT / file[0]).read_text()
    named = set(re.findall(r"server ([\w-]+):8000", conf))
    assert named == set(COMPOSE["services"]["api"]["networks"]["default"]["aliases"])
    assert gateway["ports"][0].split(":")[2] in re.findall(r"listen (\d+)", conf)
    # In memory, the spool would be the machine's.
    assert spool == ["spool", "/tmp"]  # noqa: S108
    assert [name for name, s in COMPOSE["services"].items() if "8000" in str(s.get("ports"))] == [
        "gateway"
    ]


def test_prometheus_and_grafana_are_given_files_that_are_there() -> None:
    given = [v for name in MONITORING for v in COMPOSE["services"][name].get("volumes", [])]
    paths = [volume.split(":")[0] for volume in given if volume.startswith("./")]
    assert len(paths) == 5
    assert all((ROOT / path).exists() for path in paths)


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    rules = f"{K8S}/base/monitoring/rules/"
    file.write_text(CONFIG.replace("/etc/prometheus/rules/", rules))
    assert "SUCCESS" in run("promtool", "check", "config", file).stdout


def test_each_target_is_a_service_and_has_a_pods_labels() -> None:
    for target, labels in _targets():
        host, port = target.split(":")
        assert host in COMPOSE["services"]
        assert {"job", "namespace", "pod"} <= set(labels)
        command = COMPOSE["services"][host].get("command", "--metrics-port 9100")
        assert host in MONITORING or f"--metrics-port {port}" in command
    containers = [c for w in workloads(manifests_of("local")) for c in w.containers]
    named = [port for c in containers for port in c.get("ports", []) if port["name"] == "metrics"]
    ports = {port["containerPort"] for port in named}
    assert {int(target.split(":")[1]) for target, _ in _targets()} <= ports


def _groups(method: str, view: str) -> list[str]:
    """Of which it counts as a request, by the relabelling of the two scrapes of the API."""
    found = []
    for job in PARSED["scrape_configs"][:2]:
        [rule] = job["metric_relabel_configs"]
        values = {"method": method, "view": view}
        text = ";".join(values[name] for name in rule["source_labels"])
        if (re.fullmatch(rule["regex"], text) is not None) == (rule["action"] == "keep"):
            found.append(job["static_configs"][0]["labels"]["group"])
    return found


def test_the_one_api_is_both_groups() -> None:
    assert _groups("GET", "feed-list") == ["read"]
    assert _groups("POST", "post-list") == ["write"]
    assert _groups("<invalid method>", "post-list") == ["write"]
    assert _groups("", "") == ["read"]
    # Or an alert would say of writes that no pod is ready.
    assert _groups("GET", "newsfeed.health.readyz") == ["read", "write"]


def test_no_target_is_missed_by_the_rules() -> None:
    rules = (K8S / "base/monitoring/rules/targets.yml").read_text()
    wanted = set(re.findall(READ_IN_RULES, rules))
    assert wanted
    assert wanted <= {(labels["job"], labels.get("group", "")) for _, labels in _targets()}
