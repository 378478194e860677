"""The rendered objects, as the invariants look at them."""

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.k8s.rendering import Manifest

SCALED = "HorizontalPodAutoscaler"
OPERATORS = ("strimzi.io/",)
"""Labels of pods and Services that an operator makes, so that are not among the manifests."""


@dataclass
class Workload:
    """Something that makes pods, with its pods' template."""

    kind: str
    name: str
    spec: dict[str, Any]
    template: dict[str, Any]

    @property
    def pod(self) -> dict[str, Any]:
        pod: dict[str, Any] = self.template["spec"]
        return pod

    @property
    def labels(self) -> dict[str, str]:
        return self.template.get("metadata", {}).get("labels") or {}

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def serves(self) -> bool:
        """It runs until it is told to stop."""
        return self.kind in ("Deployment", "StatefulSet")

    def port_names(self) -> set[str]:
        return {port["name"] for c in self.pod["containers"] for port in c.get("ports", [])}

    def port_numbers(self) -> set[int]:
        return {p["containerPort"] for c in self.pod["containers"] for p in c.get("ports", [])}

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def of_kind(docs: list[Manifest], *kinds: str) -> list[Manifest]:
    return [doc for doc in docs if doc["kind"] in kinds]


def name_of(doc: Manifest) -> str:
    name: str = doc["metadata"]["name"]
    return name


def wave_of(doc: Manifest) -> int:
    annotations = doc["metadata"].get("annotations") or {}
    return int(annotations.get("argocd.argoproj.io/sync-wave", "0"))


def one(docs: list[Manifest], kind: str, name: str) -> Manifest:
    """Raises ValueError unless there is just one. Generated names may have a suffix."""
    suffix = "(-[a-z0-9]{10})?" if kind in ("ConfigMap", "Secret") else ""
    [found] = [d for d in of_kind(docs, kind) if re.fullmatch(name + suffix, name_of(d))]
    return found


def workloads(docs: list[Manifest]) -> list[Workload]:
    found = []
    for doc in docs:
        if doc["kind"] in ("Deployment", "StatefulSet", "Job"):
            found.append(Workload(doc["kind"], name_of(doc), doc["spec"], doc["spec"]["template"]))
        if doc["kind"] == "CronJob":
            spec = doc["spec"]["jobTemplate"]["spec"]
            found.append(Workload("CronJob", name_of(doc), spec, spec["template"]))
    return found


def workload(docs: list[Manifest], name: str) -> Workload:
    [found] = [w for w in workloads(docs) if w.name == name]
    return found


def own(docs: list[Manifest]) -> list[Workload]:
    """Those that run our image."""
    label = ("app.kubernetes.io/name", "newsfeed")
    return [w for w in workloads(docs) if label in w.labels.items()]


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    for test in selector.get("matchExpressions") or []:
        value = labels.get(test["key"])
        if not {
            "In": value in test.get("values", []),
            "NotIn": value not in test.get("values", []),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[test["operator"]]:
            return False
    return (selector.get("matchLabels") or {}).items() <= labels.items()


def is_an_operators(selector: object) -> bool:
    return any(label in str(selector) for label in OPERATORS)


def environment(docs: list[Manifest], container: dict[str, Any]) -> dict[str, str]:
    """What the container gets, without what comes from Secrets that are not among the manifests."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if field in source:
                found |= _data(docs, kind, source[field]["name"])
    for variable in container.get("env", []):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
    return found


def _data(docs: list[Manifest], kind: str, name: str) -> dict[str, str]:
    for doc in of_kind(docs, kind):
        if name_of(doc) == name:
            data: dict[str, str] = doc.get("data") or {}
            if kind == "Secret":
                return {key: b64decode(value).decode() for key, value in data.items()}
            return data
    return {}


def references(pod: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Kind, name and key of each ConfigMap and Secret that a pod wants."""
    for volume in pod.get("volumes", []):
        for field, kind, name in (
            ("configMap", "ConfigMap", "name"),
            ("secret", "Secret", "secretName"),
        ):
            if source := volume.get(field):
                for item in source.get("items") or [{}]:
                    yield kind, source[name], item.get("key")
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from _variables(container)


def _variables(container: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    sources = [*container.get("envFrom", [])]
    sources += [variable.get("valueFrom", {}) for variable in container.get("env", [])]
    for source in sources:
        for field, named in source.items():
            if field.startswith(("configMap", "secret")):
                kind = "ConfigMap" if field.startswith("configMap") else "Secret"
                yield kind, named["name"], named.get("key")
