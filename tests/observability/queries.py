"""What the dashboards and rules of k8s/ ask, and what is wrong with an answer."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from k8s.generate.dashboards import FOLDER
from k8s.generate.prometheus_rule import groups
from tests.observability.monitoring import Prometheus

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SELECTOR = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*{[^}]*}")
RATE_INTERVAL = "10m"
"""However slow the machine, the traffic is within it."""


class Query(NamedTuple):
    title: str
    legend: str
    text: str


def of_dashboards() -> Iterator[Query]:
    for path in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(path.read_text())
        for panel in _panels(dashboard["panels"]):
            for target in panel["targets"]:
                title = f"{dashboard['uid']}: {panel['title']}"
                yield Query(title, target["legendFormat"], target["expr"])


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield from _panels(panel.get("panels", []))
        if "targets" in panel:
            yield panel


def of_rules() -> Iterator[Query]:
    """A recording rule's result, and each selector of any rule: what alerts compare is silent."""
    for group in groups():
        for rule in group["rules"]:
            name = rule.get("alert") or rule["record"]
            if "record" in rule:
                [(label, value)] = rule["labels"].items()
                yield Query(name, "", f'{name}{{{label}="{value}"}}')
            for selector in SELECTOR.findall(rule["expr"]):
                yield Query(name, "", selector)


def filled_in(text: str, group: str = ".*") -> str:
    """With values for what Grafana fills in."""
    values = {"$__rate_interval": RATE_INTERVAL, "$namespace": ".*", "$group": group}
    for name, value in values.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


def faults(prometheus: Prometheus, query: Query) -> list[str]:
    """Why its answer is not what somebody should see; nothing if it is."""
    series = prometheus.query(filled_in(query.text))
    if not series:
        return [f"{query.title}: no series: {query.text}"]
    wrong = [f"{query.title}: {labels}: {v}" for labels, v in series if not math.isfinite(v)]
    named = set(re.findall(r"{{(\w+)}}", query.legend))
    return wrong + [
        f"{query.title}: {query.legend} is not in {labels}"
        for labels, _ in series
        if not named <= labels.keys()
    ]


def metrics_asked_for() -> set[str]:
    """By their families' names."""
    texts = [query.text for query in of_dashboards()]
    texts += [rule["expr"] for group in groups() for rule in group["rules"]]
    return {family(name) for text in texts for name in NAME.findall(text)}


def family(name: str) -> str:
    return re.sub("_(bucket|sum|count)$", "", name)
