"""What must hold of every rendering, and no schema says. Each check yields its complaints."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from newsfeed.events.groups import groups
from tests.k8s.objects import (
    SCALED,
    environment,
    is_an_operators,
    name_of,
    of_kind,
    own,
    references,
    selects,
    wave_of,
    workload,
    workloads,
)
from tests.k8s.rendering import Manifest

NAMED = {
    SCALED: {"scaleTargetRef/name": "Deployment"},
    "ScaledObject": {"scaleTargetRef/name": "Deployment"},
    "StatefulSet": {"serviceName": "Service"},
    "DestinationRule": {"host": "Service"},
}
"""Where objects of a kind name others, and of which kind those are."""
Check = Callable[[list[Manifest]], Iterator[str]]

LIMITS = {"api-read": (1, 7), "api-write": (1, 3)}
PLAIN_SECRETS = "newsfeed"
"""The namespace of the only overlay whose Secrets may stand in Git."""


def selectors_match_their_templates(docs: list[Manifest]) -> Iterator[str]:
    for w in workloads(docs):
        if w.serves and not (
            w.spec["selector"]["matchLabels"] and selects(w.spec["selector"], w.labels)
        ):
            yield f"{w}: {w.spec['selector']} does not select its own pods"
    seen: dict[str, str] = {}
    for w in workloads(docs):
        component = w.labels.get("app.kubernetes.io/component", "")
        if not component or component in seen:
            yield f"{w} and {seen.get(component)} have the component {component!r}"
        seen[component] = str(w)


def services_reach_pods(docs: list[Manifest]) -> Iterator[str]:
    for doc in of_kind(docs, "Service"):
        spec = doc["spec"]
        if spec.get("type") == "ExternalName" or is_an_operators(spec["selector"]):
            continue
        chosen = [
            w for w in workloads(docs) if selects({"matchLabels": spec["selector"]}, w.labels)
        ]
        if not spec["selector"] or not chosen:
            yield f"Service {name_of(doc)} selects nothing: {spec['selector']}"
        for port in spec["ports"]:
            for w in chosen:
                if port["targetPort"] not in w.port_names() | w.port_numbers():
                    yield f"Service {name_of(doc)}: {w} has no port {port['targetPort']}"


def references_resolve(docs: list[Manifest]) -> Iterator[str]:
    data = {(d["kind"], name_of(d)): d.get("data") for d in of_kind(docs, "ConfigMap", "Secret")}
    made = {name_of(d) for d in of_kind(docs, "ExternalSecret")}
    for w in workloads(docs):
        for kind, name, key in references(w.pod):
            if kind == "Secret" and name in made:
                continue
            if (kind, name) not in data:
                yield f"{w}: there is no {kind} {name}"
            elif key and key not in (data[kind, name] or {}):
                yield f"{w}: {kind} {name} has no {key}"
        mounted = {m["name"] for c in w.containers for m in c.get("volumeMounts", [])}
        claimed = {c["metadata"]["name"] for c in w.spec.get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in w.pod.get("volumes", [])} | claimed
        if mounted != volumes:
            yield f"{w}: volumes {sorted(volumes)}, mounted {sorted(mounted)}"


def targets_exist(docs: list[Manifest]) -> Iterator[str]:
    known = {(doc["kind"], name_of(doc)) for doc in docs}
    for doc in docs:
        for path, kind in NAMED.get(doc["kind"], {}).items():
            if (kind, name := _at(doc["spec"], path)) not in known:
                yield f"{doc['kind']} {name_of(doc)}: there is no {kind} {name}"


def selected_pods_exist(docs: list[Manifest]) -> Iterator[str]:
    templates = [w.labels for w in workloads(docs)]
    for doc in of_kind(docs, "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
        selector = doc["spec"].get("selector", doc["spec"].get("podSelector"))
        if not is_an_operators(selector) and not any(selects(selector, t) for t in templates):
            yield f"{doc['kind']} {name_of(doc)} selects no pod: {selector}"


def _at(spec: Any, path: str) -> Any:
    for step in path.split("/"):
        spec = spec[step]
    return spec


def autoscalers_own_the_replicas(docs: list[Manifest]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for doc in of_kind(docs, SCALED, "ScaledObject"):
        name = doc["spec"]["scaleTargetRef"]["name"]
        if name in owners:
            yield f"{name} is scaled by {owners[name]} and by {doc['kind']}"
        owners[name] = doc["kind"]
    for doc in of_kind(docs, "Deployment", "StatefulSet"):
        if (name_of(doc) in owners) == ("replicas" in doc["spec"]):
            yield f"{name_of(doc)}: replicas are either a number here or an autoscaler's"


def reads_scale_to_seven_and_writes_to_three(docs: list[Manifest]) -> Iterator[str]:
    specs = {name_of(d): d["spec"] for d in of_kind(docs, SCALED)}
    for name, limits in LIMITS.items():
        spec = specs.get(name, {})
        if (found := (spec.get("minReplicas"), spec.get("maxReplicas"))) != limits:
            yield f"{name} scales from {found[0]} to {found[1]}"


CONSUMERS = {"consumer": ("feed",), "consumer-visibility": ("visibility",)}
"""Which consumers a Deployment runs."""


def every_consumer_has_a_deployment(docs: list[Manifest]) -> Iterator[str]:
    missing = {group.name for group in groups()}
    for w in workloads(docs):
        command = w.pod["containers"][0].get("command", [])
        if "consume" in command or "consume_feed" in command:
            named = [word for word in command if word in missing] or ["feed"]
            if tuple(named) != CONSUMERS.get(w.name):
                yield f"{w} runs {named}"
            missing -= set(named)
    yield from (f"nothing runs the consumer {name}" for name in sorted(missing))


def consumers_are_no_more_than_partitions(docs: list[Manifest]) -> Iterator[str]:
    settings = next(
        d["data"] for d in of_kind(docs, "ConfigMap") if "KAFKA_PARTITIONS" in d["data"]
    )
    partitions = int(settings["KAFKA_PARTITIONS"])
    for doc in of_kind(docs, SCALED, "ScaledObject"):
        spec = doc["spec"]
        most = spec.get("maxReplicas", spec.get("maxReplicaCount"))
        if spec["scaleTargetRef"]["name"].startswith("consumer") and most != partitions:
            yield f"{most} consumers for {partitions} partitions"
    for doc in of_kind(docs, "ScaledObject"):
        consumer = doc["spec"]["scaleTargetRef"]["name"]
        ids = [f"{settings['KAFKA_CONSUMER_GROUP']}-{name}" for name in CONSUMERS.get(consumer, ())]
        asked = [trigger["metadata"]["consumerGroup"] for trigger in doc["spec"]["triggers"]]
        if asked != ids:
            yield f"{consumer} has the groups {ids} and is scaled by the lag of {asked}"


def images_are_pinned(docs: list[Manifest]) -> Iterator[str]:
    for w in workloads(docs):
        for container in w.containers:
            image = container["image"]
            # A tag of our own image is a release, a build of a branch, or what a laptop built.
            if not re.fullmatch(r"[\w./-]+(:local|:[\w.-]*\d[\w.-]*|@sha256:[0-9a-f]{64})", image):
                yield f"{w}: {image} is not pinned"
    if len({c["image"] for w in own(docs) for c in w.containers}) != 1:
        yield "the API, the workers and the Jobs have different images"


def two_load_balancers(docs: list[Manifest]) -> Iterator[str]:
    found = {
        name_of(d) for d in of_kind(docs, "Service") if d["spec"].get("type") == "LoadBalancer"
    }
    # Istio's own gateway, in its own namespace, is in front otherwise.
    wanted = {"grafana"} if of_kind(docs, "VirtualService") else {"gateway", "grafana"}
    if found != wanted:
        yield f"Services of type LoadBalancer: {sorted(found)}"


def metrics_are_not_public(docs: list[Manifest]) -> Iterator[str]:
    for doc in of_kind(docs, "Service"):
        for port in doc["spec"].get("ports", []):
            if port["targetPort"] in ("metrics", 9100):
                yield f"Service {name_of(doc)} has the metrics' port"


def secrets_are_not_in_git(docs: list[Manifest]) -> Iterator[str]:
    for doc in of_kind(docs, "Secret"):
        if doc["metadata"]["namespace"] != PLAIN_SECRETS:
            yield f"Secret {name_of(doc)} is in Git"


def waves_are_in_order(docs: list[Manifest]) -> Iterator[str]:
    """What configures, then what prepares, then what serves."""
    first = [d for d in docs if d["kind"] in ("ConfigMap", "ExternalSecret") and _is_newsfeed(d)]
    jobs, last = of_kind(docs, "Job"), [d for d in of_kind(docs, "Deployment") if _is_ours(d)]
    if not first or not jobs or not last:
        yield "there is nothing to order"
    for earlier, later in ((first, jobs), (jobs, last)):
        for a in earlier:
            for b in later:
                if wave_of(a) >= wave_of(b):
                    yield f"{a['kind']} {name_of(a)} is not before {b['kind']} {name_of(b)}"
    for job in jobs:
        if job["metadata"]["annotations"].get("argocd.argoproj.io/hook") != "Sync":
            yield f"Job {name_of(job)} is no hook: its template could not change"


def _is_newsfeed(doc: Manifest) -> bool:
    return name_of(doc) == "newsfeed" or name_of(doc).startswith("newsfeed-")


def _is_ours(doc: Manifest) -> bool:
    return any(w.name == name_of(doc) for w in own([doc]))


def everything_is_in_one_namespace(docs: list[Manifest]) -> Iterator[str]:
    [namespace] = of_kind(docs, "Namespace")
    if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace does not enforce restricted pods"
    for doc in docs:
        if doc is not namespace and doc["metadata"].get("namespace") != name_of(namespace):
            yield f"{doc['kind']} {name_of(doc)} is in {doc['metadata'].get('namespace')}"
    for doc in of_kind(docs, "RoleBinding"):
        if any(s["namespace"] != name_of(namespace) for s in doc["subjects"]):
            yield f"RoleBinding {name_of(doc)} binds somebody elsewhere"


def kafka_has_the_brokers_that_its_topics_need(docs: list[Manifest]) -> Iterator[str]:
    settings = next(
        d["data"] for d in of_kind(docs, "ConfigMap") if "KAFKA_PARTITIONS" in d["data"]
    )
    pools = [d["spec"]["replicas"] for d in of_kind(docs, "KafkaNodePool")]
    brokers = sum(pools) or workload(docs, "kafka").spec["replicas"]
    copies = int(settings["KAFKA_REPLICATION_FACTOR"])
    if copies > brokers:
        yield f"{copies} copies on {brokers} brokers"
    if not pools:
        broker = next(d["data"] for d in of_kind(docs, "ConfigMap") if "CLUSTER_ID" in d["data"])
        voters = broker["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        if voters != [f"{n}@kafka-{n}.kafka-nodes:9093" for n in range(brokers)]:
            yield f"{brokers} brokers, but voters are {voters}"
        if broker["KAFKA_MIN_INSYNC_REPLICAS"] != settings["KAFKA_MIN_INSYNC_REPLICAS"]:
            yield "the brokers' min.insync.replicas is not newsfeed's"
        minutes = int(settings["KAFKA_RETENTION_DAYS"]) * 24 * 60
        if int(broker["KAFKA_OFFSETS_RETENTION_MINUTES"]) <= minutes:
            yield "offsets are forgotten before the records"


def kafka_is_found_from_kedas_namespace(docs: list[Manifest]) -> Iterator[str]:
    """It asks for the lag, and where it lives a name alone leads nowhere."""
    for doc in of_kind(docs, "ScaledObject"):
        ends = f".{doc['metadata']['namespace']}.svc:9092"
        target = workload(docs, doc["spec"]["scaleTargetRef"]["name"])
        given = environment(docs, target.pod["containers"][0])
        for trigger in doc["spec"]["triggers"]:
            address = given.get(trigger["metadata"].get("bootstrapServersFromEnv", ""), "")
            if not address.endswith(ends):
                yield f"{doc['kind']} {name_of(doc)} asks {address!r}"
        for w in workloads(docs):
            told = environment(docs, w.pod["containers"][0]).get("KAFKA_ADVERTISED_LISTENERS")
            if told and not told.endswith(".$(POD_NAMESPACE).svc:9092"):
                yield f"{w} sends it to {told}"


def kafka_lets_keda_in(docs: list[Manifest]) -> Iterator[str]:
    keda = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}
    policies = of_kind(docs, "NetworkPolicy") if of_kind(docs, "ScaledObject") else []
    for doc in policies:
        rules = [
            rule["ports"] for rule in doc["spec"].get("ingress", []) if keda in rule.get("from", [])
        ]
        if name_of(doc) == "kafka" and [{"port": 9092}] not in rules:
            yield f"KEDA may talk to Kafka at {rules}"


CHECKS: list[Check] = [
    selectors_match_their_templates,
    services_reach_pods,
    references_resolve,
    targets_exist,
    selected_pods_exist,
    autoscalers_own_the_replicas,
    reads_scale_to_seven_and_writes_to_three,
    every_consumer_has_a_deployment,
    consumers_are_no_more_than_partitions,
    images_are_pinned,
    two_load_balancers,
    metrics_are_not_public,
    secrets_are_not_in_git,
    waves_are_in_order,
    everything_is_in_one_namespace,
    kafka_has_the_brokers_that_its_topics_need,
    kafka_is_found_from_kedas_namespace,
    kafka_lets_keda_in,
]
