"""What kustomize makes of the folders in k8s/, alone and with components added."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("local", "develop", "production")
# In this order; the policies, which others change, first.
COMPONENTS = (
    "network-policies",
    "istio",
    "keda",
    "strimzi",
    "prometheus-operator",
    "mysql-replica",
    "redis-cluster",
    "external-data",
)
INCLUDED = {"develop": {"network-policies"}, "production": {"network-policies"}}


def variants(overlay: str, *, pairs: bool) -> list[tuple[str, ...]]:
    """The components that are added to it: none, each, each two where wanted, and all."""
    added = [name for name in COMPONENTS if name not in INCLUDED.get(overlay, ())]
    two = combinations(added, 2) if pairs else ()
    return [(), *((name,) for name in added), *two, tuple(added)]


ALL = [
    (overlay, added)
    for overlay in OVERLAYS
    for added in variants(overlay, pairs=overlay == "local")
]
IDS = ["+".join((overlay, *added)) for overlay, added in ALL]


def text_of(overlay: str, added: Iterable[str] = ()) -> str:
    """Rendered; raises AssertionError with what kustomize says."""
    return _variant(overlay, tuple(added))


def manifests_of(overlay: str, added: Iterable[str] = ()) -> list[Manifest]:
    """Of one's own: they may be changed."""
    return parse(text_of(overlay, added))


def parse(text: str) -> list[Manifest]:
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


@cache
def render(folder: Path) -> str:
    rendered = subprocess.run([*_tool(), str(folder)], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, f"{folder}: {rendered.stderr}"
    assert not rendered.stderr, f"{folder}: {rendered.stderr}"
    return rendered.stdout


@cache
def _variant(overlay: str, added: tuple[str, ...]) -> str:
    if not added:
        return render(K8S / "overlays" / overlay)
    with tempfile.TemporaryDirectory() as folder:
        write_variant(Path(folder), overlay, added)
        return render(Path(folder))


def write_variant(folder: Path, overlay: str, added: Iterable[str]) -> None:
    """A kustomization of the overlay and these components. Paths in one must be relative."""
    k8s = os.path.relpath(K8S.resolve(), folder.resolve())
    namespace = render_namespace(overlay)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [f"{k8s}/overlays/{overlay}"],
        "components": [f"{k8s}/components/{name}" for name in added],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))


def render_namespace(overlay: str) -> str:
    return "newsfeed" if overlay == "local" else f"newsfeed-{overlay}"


@cache
def _tool() -> tuple[str, ...]:
    """kubectl has kustomize in it; `bin/setup k8s` builds kustomize where there is none."""
    if kubectl := shutil.which("kubectl"):
        return kubectl, "kustomize"
    built = ROOT / ".local" / "bin" / "kustomize"
    kustomize = shutil.which("kustomize") or (str(built) if built.exists() else None)
    assert kustomize, (
        "there is neither kubectl nor kustomize; `bin/setup k8s` installs what is missing"
    )
    return kustomize, "build"
