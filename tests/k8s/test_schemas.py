"""Every rendering against the schemas of Kubernetes and of the custom resources."""

import json
import os
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.k8s.objects import one
from tests.k8s.rendering import ALL, IDS, K8S, Manifest, manifests_of, parse, render, text_of
from tests.k8s.tools import run

OLDEST, NEWEST = "1.31", "1.37"
BUILT_IN = {"v1", "apps/v1", "autoscaling/v2", "batch/v1", "policy/v1", "networking.k8s.io/v1"}
BUILT_IN |= {"rbac.authorization.k8s.io/v1"}
ARGO_CD = ("argocd", "argocd/develop", "argocd/production")


def _custom(docs: list[Manifest]) -> list[Manifest]:
    return [doc for doc in docs if doc["apiVersion"] not in BUILT_IN]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All objects of all renderings, each once; of custom resources that tool only warns."""
    docs = [doc for overlay, added in ALL for doc in manifests_of(overlay, added)]
    texts = {
        yaml.dump(doc, Dumper=yaml.CSafeDumper): None
        for doc in docs
        if doc["apiVersion"] in BUILT_IN
    }
    assert len(texts) > 100
    file = tmp_path_factory.mktemp("rendered") / "all.yaml"
    file.write_text("---\n".join(texts))
    return file


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_rendering_is_valid_in_the_oldest_and_the_newest_version(
    rendered: Path, version: str
) -> None:
    done = run("kubernetes-validate", "--strict", "-k", version, rendered)
    assert "schema" not in done.stdout + done.stderr  # of a kind it does not know, it only warns


@pytest.mark.parametrize(("field", "value"), [("replica", 2), ("replicas", "two")])
def test_the_validator_notices(tmp_path: Path, field: str, value: object) -> None:
    doc = one(manifests_of("local"), "Deployment", "relay")
    doc["spec"][field] = value
    broken = tmp_path / "broken.yaml"
    broken.write_text(yaml.safe_dump(doc))
    assert field in run("kubernetes-validate", "--strict", "-k", NEWEST, broken, ok=(1,)).stdout


@pytest.fixture(scope="module")
def crd_schemas() -> Path:
    folder = os.environ.get("CRD_SCHEMAS")
    if not folder:
        pytest.skip(
            "CRD_SCHEMAS names no folder with GROUP/KIND_VERSION.json: see docs/kubernetes.md"
        )
    assert (Path(folder) / "argoproj.io").is_dir(), f"there are no schemas in {folder}"
    return Path(folder)


def _complaints(doc: Manifest, schemas: Path) -> list[str]:
    group, version = doc["apiVersion"].split("/")
    schema = json.loads((schemas / group / f"{doc['kind'].lower()}_{version}.json").read_text())
    errors = Draft7Validator(schema).iter_errors(doc)
    return [f"{doc['kind']} {doc['metadata']['name']}: {error.message}" for error in errors]


@pytest.mark.parametrize(("overlay", "added"), ALL, ids=IDS)
def test_custom_resources_fit_their_schemas(
    overlay: str, added: tuple[str, ...], crd_schemas: Path
) -> None:
    custom = _custom(manifests_of(overlay, added))
    assert [line for doc in custom for line in _complaints(doc, crd_schemas)] == []


@pytest.mark.parametrize("folder", ARGO_CD)
def test_argo_cds_resources_fit_their_schemas(folder: str, crd_schemas: Path) -> None:
    docs = parse(render(K8S / folder))
    assert docs
    assert [line for doc in docs for line in _complaints(doc, crd_schemas)] == []


def test_a_misspelt_field_of_a_custom_resource_is_noticed(crd_schemas: Path) -> None:
    doc, _ = _custom(manifests_of("local", ("keda",)))
    assert _complaints(doc, crd_schemas) == []
    doc["spec"]["maxReplicas"] = 12
    [complaint] = _complaints(doc, crd_schemas)
    assert "'maxReplicas' was unexpected" in complaint


def test_every_component_with_custom_resources_brings_them() -> None:
    kinds = {name: {d["kind"] for d in _custom(manifests_of("local", (name,)))} for name in BRING}
    assert kinds == BRING


BRING = {
    "istio": {
        *("Gateway", "VirtualService", "DestinationRule"),
        *("PeerAuthentication", "AuthorizationPolicy"),
    },
    "keda": {"ScaledObject"},
    "strimzi": {"Kafka", "KafkaNodePool"},
    "prometheus-operator": {"PodMonitor", "PrometheusRule"},
    "network-policies": set(),
    "external-data": set(),
}


def test_each_component_changes_the_rendering() -> None:
    for name in BRING:
        assert text_of("local", (name,)) != text_of("local")


def test_no_key_stands_twice_and_the_files_are_tidy() -> None:
    """What a second key of the same name says, kustomize takes without a word."""
    run("yamllint", "--strict", "k8s", ".github")
