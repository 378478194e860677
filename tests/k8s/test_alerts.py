"""Alerts fire when they should, are silent when they should, and each has a page that helps."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.urls import resolve

from feeds.consumers import DELIVERY
from k8s.generate.dashboards import DASHBOARDS
from k8s.generate.prometheus_rule import NAMESPACES, RULES, groups, prometheus_rule
from k8s.generate.slo_rules import RUNBOOKS, TARGET, text
from newsfeed.settings import PROMETHEUS_LATENCY_BUCKETS
from tests.k8s.alert_cases import CASES, Case, Series, up
from tests.k8s.invariants import CONSUMERS
from tests.k8s.objects import of_kind, one, workload
from tests.k8s.rendering import OVERLAYS, ROOT, manifests_of
from tests.k8s.tools import run

PAGES = ROOT / "docs" / "runbooks"


def _alerts() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def _annotations(case: Case, severity: str, labels: dict[str, str]) -> dict[str, str]:
    [rule] = [
        rule
        for rule in _alerts()
        if rule["alert"] == case.name and rule["labels"]["severity"] == severity
    ]

    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels.get(found[1], ""), text)

    return {name: filled(text) for name, text in rule["annotations"].items()}


def _expected(case: Case) -> dict[str, Any]:
    alerts = [
        {
            "exp_labels": {"severity": severity} | labels,
            "exp_annotations": _annotations(case, severity, labels),
        }
        for severity, labels in case.fires
    ]
    return {"eval_time": f"{case.minutes}m", "alertname": case.name, "exp_alerts": alerts}


def _as_test(series: Series, *cases: Case) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [_expected(case) for case in cases],
    }


def _run(folder: Path, rules: Path, tests: list[dict[str, Any]], status: int = 0) -> str:
    """With the rules of one file: others would only take time. Returns what promtool says."""
    file = folder / "cases.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": tests}))
    return run("promtool", "test", "rules", file, ok=(status,)).stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    firing = {(case.name, severity) for case in CASES for severity, _ in case.fires}
    assert firing == {(rule["alert"], rule["labels"]["severity"]) for rule in _alerts()}
    silent = {case.name for case in CASES if not case.fires}
    assert silent == {rule["alert"] for rule in _alerts()}


def test_each_consumer_is_missed_when_none_runs() -> None:
    missed = [labels for case in CASES if case.name == "TargetMissing" for _, labels in case.fires]
    assert set(CONSUMERS) <= {labels["job"] for labels in missed}


@pytest.mark.parametrize("rules", sorted(RULES.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_and_are_silent_as_the_cases_say(rules: Path, tmp_path: Path) -> None:
    groups = yaml.safe_load(rules.read_text())["groups"]
    names = {rule.get("alert") for group in groups for rule in group["rules"]}
    cases = [case for case in CASES if case.name in names]
    _run(tmp_path, rules, [_as_test(case.series, case) for case in cases])
    fires = next(case for case in cases if case.fires)
    silent = _as_test(fires.series, fires._replace(fires=()))
    assert fires.name in _run(tmp_path, rules, [silent], status=1)


@pytest.fixture
def operators(tmp_path: Path) -> Path:
    """Rules in a Prometheus that watches a whole cluster."""
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(prometheus_rule()["spec"]))
    return rules


@pytest.mark.parametrize("prefix", ["newsfeed", "social"])
def test_other_teams_namespaces_alarm_nobody_of_ours(
    operators: Path, tmp_path: Path, prefix: str
) -> None:
    firing = [case for case in CASES if case.fires]
    series = {
        name.replace('namespace="newsfeed"', f'namespace="{prefix}-{number}"'): values
        for number, case in enumerate(firing)
        for name, values in case.series.items()
    }
    names = {case.name for case in firing}
    said = _run(tmp_path, operators, [_as_test(series, *(Case(n, {}) for n in names))], status=1)
    is_ours = prefix == "newsfeed"
    # Among others' pods, our own are missed.
    assert set(re.findall(r"alertname: (\w+)", said)) == (names if is_ours else {"TargetMissing"})
    assert (f'namespace="{prefix}' in said) == is_ours


def test_production_is_missed_though_develop_is_there(operators: Path, tmp_path: Path) -> None:
    gone = {'up{job="consumer",namespace="newsfeed-production",pod="consumer-1"}': "1x60"}
    labels = {"job": "consumer", "namespace": "newsfeed-production"}
    case = Case("TargetMissing", up() | gone, (("page", labels),))
    _run(tmp_path, operators, [_as_test(case.series, case)])


def test_the_operators_rules_are_for_every_overlays_namespace() -> None:
    for overlay in OVERLAYS:
        monitor = one(manifests_of(overlay, ["prometheus-operator"]), "PodMonitor", "newsfeed")
        assert re.fullmatch(NAMESPACES, monitor["metadata"]["namespace"])


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
        r"manage\.py (\w+)": {path.stem for path in ROOT.glob("[!.]*/**/management/commands/*.py")},
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
