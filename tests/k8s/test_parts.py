"""Argo CD applies an overlay in parts: what a component in its parts allows is the same."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.k8s.objects import is_an_operators, name_of, of_kind, selects, workloads
from tests.k8s.rendering import COMPONENTS, K8S, ROOT, Manifest, manifests_of, parse, render

PARTS = ("namespace", "mysql", "redis", "kafka", "app", "prometheus", "grafana")
DOCUMENTED = (ROOT / "docs" / "kubernetes.md").read_text()
ADDED = [name for name in COMPONENTS if name != "network-policies"]


def parts_of(component: str) -> list[str]:
    """To which it is added, by the documentation's table."""
    [row] = re.findall(rf"^\| `{component}` \| ([^|]+) \|", DOCUMENTED, re.MULTILINE)
    return re.findall(r"`([\w-]+)`", row)


def _add(component: str, part: Path) -> None:
    """As one does: to the `components` of the part's own kustomization."""
    file = part / "kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text())
    kustomization.setdefault("components", []).append(f"../../../components/{component}")
    file.write_text(yaml.safe_dump(kustomization))


def _in_parts(component: str, folder: Path) -> list[Manifest]:
    shutil.copytree(K8S, folder / "k8s")
    overlay = folder / "k8s" / "overlays" / "production"
    for part in parts_of(component):
        _add(component, overlay / part)
    return [doc for part in PARTS for doc in parse(render(overlay / part)) if doc]


def _policies(docs: list[Manifest]) -> dict[str, Manifest]:
    """Those that say something of a pod there is: one of others does no harm."""
    templates = [w.labels for w in workloads(docs)]
    return {
        name_of(doc): doc["spec"]
        for doc in of_kind(docs, "NetworkPolicy")
        if is_an_operators(selector := doc["spec"]["podSelector"])
        or any(selects(selector, labels) for labels in templates)
    }


@pytest.mark.parametrize("component", ADDED)
def test_a_component_in_its_parts_allows_what_it_allows_in_the_overlay(
    component: str, tmp_path: Path
) -> None:
    parts = _in_parts(component, tmp_path)
    ids = [(doc["kind"], name_of(doc)) for doc in parts]
    assert len(ids) == len(set(ids)), "two Applications would fight over it"
    assert _policies(parts) == _policies(manifests_of("production", [component]))
