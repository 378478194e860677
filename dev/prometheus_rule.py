"""Writes k8s' rule files as one PrometheusRule, for clusters with a Prometheus operator.

python -m dev.prometheus_rule
"""

from pathlib import Path
from typing import Any

import yaml

K8S = Path(__file__).resolve().parent.parent / "k8s"
RULES = K8S / "base" / "monitoring" / "rules"
TARGET = K8S / "components" / "prometheus-operator" / "rules.yaml"


def prometheus_rule() -> dict[str, Any]:
    """All groups of the rule files, in the files' order."""
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in _load(path)["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "newsfeed"},
        "spec": {"groups": groups},
    }


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


if __name__ == "__main__":
    text = yaml.safe_dump(prometheus_rule(), sort_keys=False, allow_unicode=True, width=1000)
    TARGET.write_text(f"# Written by `make k8s-rules` from base/monitoring/rules.\n{text}")
