"""Writes k8s' rule files as one PrometheusRule, for clusters with a Prometheus operator.

A component does not know in which overlay it is, so the rules are for the namespaces of all.

python -m k8s.generate.prometheus_rule
"""

from pathlib import Path
from typing import Any

import yaml

NAMESPACES = "newsfeed(-.+)?"
"""Those of the overlays: a cluster's Prometheus also knows other teams' api, mysql and redis."""
K8S = Path(__file__).resolve().parents[1]
RULES = K8S / "base" / "monitoring" / "rules"
TARGET = K8S / "components" / "prometheus-operator" / "rules.yaml"


def groups() -> list[dict[str, Any]]:
    """Those of all rule files, in the files' order."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yml"))]
    return [group for file in files for group in file["groups"]]


def prometheus_rule() -> dict[str, Any]:
    """For our namespaces alone."""
    ours = groups()
    for group in ours:
        for rule in group["rules"]:
            rule["expr"] = in_our_namespaces(rule["expr"])
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "newsfeed"},
        "spec": {"groups": ours},
    }


def in_our_namespaces(query: str) -> str:
    """Each selector must have braces.

    >>> in_our_namespaces('up{} or x{job="api"}')
    'up{namespace=~"newsfeed(-.+)?"} or x{namespace=~"newsfeed(-.+)?",job="api"}'
    """
    restricted = query.replace("{", f'{{namespace=~"{NAMESPACES}",')
    return restricted.replace(",}", "}")


if __name__ == "__main__":
    text = yaml.safe_dump(prometheus_rule(), sort_keys=False, allow_unicode=True, width=1000)
    TARGET.write_text(f"# Written by `make k8s-rules` from base/monitoring/rules.\n{text}")
