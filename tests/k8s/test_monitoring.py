"""Prometheus and Grafana, as far as it can be seen without a cluster."""

import json
from pathlib import Path

import pytest
import yaml

from k8s.generate import dashboards
from k8s.generate.prometheus_rule import TARGET, prometheus_rule
from tests.k8s.objects import one, workload
from tests.k8s.rendering import K8S, manifests_of
from tests.k8s.tools import run

MONITORING = K8S / "base" / "monitoring"


@pytest.mark.parametrize("folder", ["rules", "dashboards"])
def test_every_file_reaches_the_pods(folder: str) -> None:
    listed = yaml.safe_load((MONITORING / folder / "kustomization.yaml").read_text())
    files = {path.name for path in (MONITORING / folder).iterdir()} - {"kustomization.yaml"}
    assert files
    assert set(listed["configMapGenerator"][0]["files"]) == files
    config = {"rules": "prometheus-rules", "dashboards": "grafana-dashboards"}[folder]
    assert set(one(manifests_of("production"), "ConfigMap", config)["data"]) == files


def test_promtool_accepts_configuration_and_rules(tmp_path: Path) -> None:
    docs = manifests_of("local")
    arguments = workload(docs, "prometheus").pod["containers"][0]["args"]
    assert "--config.file=/etc/prometheus/config/prometheus.yml" in arguments
    config = yaml.safe_load(one(docs, "ConfigMap", "prometheus")["data"]["prometheus.yml"])
    assert config["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    config["rule_files"] = [f"{MONITORING}/rules/targets.yml"]
    # Debian's promtool is built without Kubernetes.
    discovery = config["scrape_configs"][0].pop("kubernetes_sd_configs")
    assert discovery == [{"role": "pod", "namespaces": {"own_namespace": True}}]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    assert "SUCCESS" in run("promtool", "check", "config", file).stdout
    config["scrape_configs"][0]["relabel_configs"][0]["action"] = "keeps"
    file.write_text(yaml.safe_dump(config))
    assert "keeps" in run("promtool", "check", "config", file, ok=(1,)).stderr


def test_promtool_accepts_every_rule_file() -> None:
    run("promtool", "check", "rules", *(MONITORING / "rules").glob("*.yml"))


def test_the_operators_rules_are_the_files_rules() -> None:
    """`make k8s-rules` writes them."""
    assert yaml.safe_load(TARGET.read_text()) == prometheus_rule()


def test_the_operator_scrapes_and_labels_as_our_prometheus_does() -> None:
    docs = manifests_of("local", ("prometheus-operator",))
    [endpoint] = one(docs, "PodMonitor", "newsfeed")["spec"]["podMetricsEndpoints"]
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    [pods] = [job for job in config["scrape_configs"] if job["job_name"] == "pods"]
    keep, _phase, *labels = pods["relabel_configs"]
    assert endpoint["port"] == keep["regex"] == "metrics"
    snake = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    assert [
        {snake.get(key, key): value for key, value in rule.items()}
        for rule in endpoint["relabelings"]
    ] == labels


def test_all_that_has_metrics_is_scraped() -> None:
    docs = manifests_of("production")
    names = (
        "api-read",
        "api-write",
        "consumer",
        "consumer-visibility",
        "relay",
        "mysql",
        "redis",
        "kafka-exporter",
    )
    for name in names:
        assert "metrics" in workload(docs, name).port_names()


def test_dashboards_are_as_written() -> None:
    """`make dashboards` writes them."""
    assert {path.stem for path in dashboards.FOLDER.glob("*.json")} == dashboards.DASHBOARDS.keys()
    for name in dashboards.DASHBOARDS:
        assert (dashboards.FOLDER / f"{name}.json").read_text() == dashboards.text(name)


def test_panels_tell_what_they_show() -> None:
    for name in dashboards.DASHBOARDS:
        panels = dashboards.dashboard(name)["panels"]
        assert len({panel["title"] for panel in panels}) == len(panels)
        for panel in panels:
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_dashboards_ask_the_data_source_that_is_provisioned() -> None:
    provisioned = yaml.safe_load((MONITORING / "grafana" / "datasource.yaml").read_text())
    [source] = provisioned["datasources"]
    port = one(manifests_of("local"), "Service", "prometheus")["spec"]["ports"][0]["port"]
    assert source["url"] == f"http://prometheus:{port}"
    uids = set()
    for path in (MONITORING / "dashboards").glob("*.json"):
        dashboard = json.loads(path.read_text())
        [variable] = [v for v in dashboard["templating"]["list"] if v["name"] == "datasource"]
        assert variable["query"] == source["type"]
        uids.add(dashboard["uid"])
    assert len(uids) == len(list((MONITORING / "dashboards").glob("*.json")))
