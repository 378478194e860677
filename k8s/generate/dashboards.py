"""Writes Grafana's dashboards from k8s/generate/dashboards.yml.

python -m k8s.generate.dashboards
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "base" / "monitoring" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
DASHBOARDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text())


def expanded(query: str) -> str:
    """With what the short forms of dashboards.yml stand for.

    >>> expanded("rate(x{consumer.*|relay}[])")
    'rate(x{namespace=~"$namespace",job=~"consumer.*|relay"}[$__rate_interval])'
    """
    query = query.replace("[]", "[$__rate_interval]").replace("{any", '{namespace=~"$namespace"')
    return re.sub(r"{([a-z|.*-]+)(?=[,}])", r'{namespace=~"$namespace",job=~"\1"', query)


def dashboard(name: str) -> dict[str, Any]:
    title, panels = DASHBOARDS[name]["title"], DASHBOARDS[name]["panels"]
    return {
        "uid": f"newsfeed-{name}",
        "title": f"newsfeed / {title}",
        "tags": ["newsfeed"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [*_variables(panels)]},
        "panels": [_drawn(number, panel) for number, panel in enumerate(panels)],
    }


def _variables(panels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The group only where some panel asks for it."""
    chosen = {"text": "Prometheus", "value": "prometheus"}
    every = [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "current": chosen},
        _variable("namespace", "label_values(up, namespace)"),
    ]
    if any("$group" in query for panel in panels for query in panel["queries"].values()):
        every.append(_variable("group", 'label_values(up{job="api"}, group)'))
    return every


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _drawn(number: int, panel: dict[str, Any]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if "limit" in panel:
        steps.append({"color": "red", "value": panel["limit"]})
    style = "line" if "limit" in panel else "off"
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel["title"],
        "description": panel["description"],
        "datasource": SOURCE,
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "fieldConfig": {
            "defaults": {
                "unit": panel["unit"],
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": style}},
            },
            "overrides": [],
        },
        "targets": [
            {"refId": chr(65 + i), "expr": expanded(query), "legendFormat": legend}
            for i, (legend, query) in enumerate(panel["queries"].items())
        ],
    }


def text(name: str) -> str:
    return json.dumps(dashboard(name), indent=1) + "\n"


if __name__ == "__main__":
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(text(name))
