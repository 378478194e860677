"""Argo CD's applications, and the overlays they lead to."""

from typing import Any

import pytest

from tests.k8s.objects import name_of, of_kind, wave_of
from tests.k8s.rendering import K8S, ROOT, Manifest, manifests_of, parse, render

ENVIRONMENTS = ("develop", "production")
PARTS = {"namespace", "app", "kafka", "redis", "mysql", "prometheus", "grafana"}
STORES = ("mysql", "redis", "kafka")


def _roots() -> list[Manifest]:
    return of_kind(parse(render(K8S / "argocd")), "Application")


def _project() -> dict[str, Any]:
    [project] = of_kind(parse(render(K8S / "argocd")), "AppProject")
    spec: dict[str, Any] = project["spec"]
    return spec


def _applications(environment: str) -> dict[str, Manifest]:
    """By the part of the overlay that they apply."""
    docs = parse(render(K8S / "argocd" / environment))
    return {doc["spec"]["source"]["path"].rpartition("/")[2]: doc for doc in docs}


def _ids(docs: list[Manifest]) -> list[tuple[str, str]]:
    return sorted((doc["kind"], name_of(doc)) for doc in docs)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_parts_together_are_the_overlay(environment: str) -> None:
    applications = _applications(environment)
    assert set(applications) == PARTS
    parts = [
        doc
        for application in applications.values()
        for doc in parse(render(ROOT / application["spec"]["source"]["path"]))
    ]
    assert _ids(parts) == _ids(manifests_of(environment))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_stores_come_before_what_needs_them(environment: str) -> None:
    waves = {part: wave_of(doc) for part, doc in _applications(environment).items()}
    assert waves["namespace"] < min(waves[store] for store in STORES)
    assert max(waves[store] for store in STORES) < waves["app"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_applications_heal_prune_and_retry(environment: str) -> None:
    [root] = [doc for doc in _roots() if name_of(doc) == f"newsfeed-{environment}"]
    assert root["spec"]["source"]["path"] == f"k8s/argocd/{environment}"
    for doc in [root, *_applications(environment).values()]:
        policy = doc["spec"]["syncPolicy"]
        assert policy["automated"] == {"prune": True, "selfHeal": True}
        assert policy["retry"]["limit"] >= 5
        # Production's branch moves with a release alone: see test_workflows.py.
        assert doc["spec"]["source"]["targetRevision"] == environment


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_project_allows_all_that_is_applied_and_not_everything(environment: str) -> None:
    project = _project()
    applications = [*_roots(), *_applications(environment).values()]
    for doc in applications:
        spec = doc["spec"]
        assert spec["project"] == "newsfeed"
        assert spec["source"]["repoURL"] in project["sourceRepos"]
        assert spec["destination"] in project["destinations"]
    everything = ("network-policies", "istio", "keda", "strimzi", "prometheus-operator")
    docs = [*manifests_of(environment), *manifests_of("local", everything[:1])]
    docs += [doc for name in everything[1:] for doc in manifests_of(environment, (name,))]
    for doc in [*applications, *docs]:
        assert doc["kind"] == "Secret" or _allows(project, doc), f"{doc['kind']} {name_of(doc)}"
    assert not _allows(
        project, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    )


def _allows(project: dict[str, Any], doc: Manifest) -> bool:
    group = doc["apiVersion"].rpartition("/")[0]
    allowed = project["namespaceResourceWhitelist"] + project["clusterResourceWhitelist"]
    return any(one["group"] == group and one["kind"] in ("*", doc["kind"]) for one in allowed)
