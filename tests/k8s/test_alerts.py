"""Alerts fire when they should, are silent when they should, and each has a page that helps."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.urls import resolve

from dev.dashboards import DASHBOARDS
from dev.prometheus_rule import RULES, prometheus_rule
from dev.slo_rules import RUNBOOKS, TARGET, text
from feeds.handlers import DELIVERY
from newsfeed.settings import PROMETHEUS_LATENCY_BUCKETS
from tests.k8s.alert_cases import CASES, Case
from tests.k8s.objects import of_kind, workload
from tests.k8s.rendering import ROOT, manifests_of
from tests.k8s.tools import run

PAGES = ROOT / "docs" / "runbooks"


def _alerts() -> list[dict[str, Any]]:
    groups = prometheus_rule()["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _annotations(case: Case, severity: str, labels: dict[str, str]) -> dict[str, str]:
    [rule] = [
        rule
        for rule in _alerts()
        if rule["alert"] == case.name and rule["labels"]["severity"] == severity
    ]

    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels.get(found[1], ""), text)

    return {name: filled(text) for name, text in rule["annotations"].items()}


def _as_test(case: Case) -> dict[str, Any]:
    expected = [
        {
            "exp_labels": {"severity": severity} | labels,
            "exp_annotations": _annotations(case, severity, labels),
        }
        for severity, labels in case.fires
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": s, "values": values} for s, values in case.series.items()],
        "alert_rule_test": [
            {"eval_time": f"{case.minutes}m", "alertname": case.name, "exp_alerts": expected}
        ],
    }


def _run(folder: Path, rules: Path, cases: list[Case], status: int = 0) -> str:
    """With the rules of one file: others would only take time. Returns what promtool says."""
    file = folder / "cases.yml"
    tests = [_as_test(case) for case in cases]
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    return run("promtool", "test", "rules", file, ok=(status,)).stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    firing = {(case.name, severity) for case in CASES for severity, _ in case.fires}
    assert firing == {(rule["alert"], rule["labels"]["severity"]) for rule in _alerts()}
    silent = {case.name for case in CASES if not case.fires}
    assert silent == {rule["alert"] for rule in _alerts()}


@pytest.mark.parametrize("rules", sorted(RULES.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_as_the_cases_say(rules: Path, tmp_path: Path) -> None:
    groups = yaml.safe_load(rules.read_text())["groups"]
    names = {rule.get("alert") for group in groups for rule in group["rules"]}
    cases = [case for case in CASES if case.name in names]
    _run(tmp_path, rules, cases)
    fires = next(case for case in cases if case.fires)
    assert fires.name in _run(tmp_path, rules, [fires._replace(fires=())], status=1)


def test_each_alert_has_its_page_and_each_page_its_alert() -> None:
    named = {rule["annotations"]["runbook_url"] for rule in _alerts()}
    assert named == {f"{RUNBOOKS}/{rule['alert']}.md" for rule in _alerts()}
    pages = {path.name for path in PAGES.iterdir()} - {"README.md"}
    assert pages == {f"{rule['alert']}.md" for rule in _alerts()}
    for name in pages:
        text = (PAGES / name).read_text()
        assert text.startswith(f"# {name.removesuffix('.md')}\n")
        assert re.findall("^## (.*)", text, re.MULTILINE) == ["Means", "Look at", "Do"]


def test_pages_name_what_exists() -> None:
    """Commands, workloads, dashboards and other pages."""
    docs = manifests_of("production")
    there = {
        r"manage\.py (\w+)": {path.stem for path in ROOT.glob("*/management/commands/*.py")},
        r"deployment/([a-z-]+)": {w["metadata"]["name"] for w in of_kind(docs, "Deployment")},
        r"([a-z]+)-0\b": {w["metadata"]["name"] for w in of_kind(docs, "StatefulSet")},
        r"[Dd]ashboards? \*([^*]+)\*": {board["title"] for board in DASHBOARDS.values()},
        r"\((\w+\.md)\)": {path.name for path in PAGES.iterdir()},
    }
    text = "".join(path.read_text() for path in PAGES.iterdir())
    for pattern, names in there.items():
        named = set(re.findall(pattern, text))
        assert named, pattern
        assert named <= names, named - names


def test_the_view_of_the_alert_is_what_the_probe_asks() -> None:
    [rule] = [rule for rule in _alerts() if rule["alert"] == "ApiNotReady"]
    views = set(re.findall('view="([^"]+)"', rule["expr"]))
    for name in ("api-read", "api-write"):
        [container] = workload(manifests_of("production"), name).pod["containers"]
        path = urlsplit(container["readinessProbe"]["httpGet"]["path"]).path
        assert views == {resolve(path).view_name}


def test_the_rules_of_the_objectives_are_as_written() -> None:
    """`make k8s-rules` writes them."""
    assert TARGET.read_text() == text()


def test_edges_of_histograms_are_those_of_the_objectives() -> None:
    """A bucket that is not there would count as empty, and everything as slow."""
    edges = {0.2: PROMETHEUS_LATENCY_BUCKETS, 5: DELIVERY._upper_bounds}
    for edge, buckets in edges.items():
        assert edge in buckets
    asked = set(re.findall(r'le="([0-9.]+)"', text()))
    assert asked == {str(float(edge)) for edge in edges}
