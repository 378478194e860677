"""Each invariant complains when what it holds is broken: in the parsed manifests, in one place."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s import invariants as i
from tests.k8s import pod_invariants as p
from tests.k8s.objects import SCALED, one, workload
from tests.k8s.rendering import Manifest, manifests_of

Docs = list[Manifest]
Mutation = Callable[[Docs], object]


def _container(docs: Docs, name: str) -> dict[str, Any]:
    container: dict[str, Any] = workload(docs, name).pod["containers"][0]
    return container


def _put(thing: dict[str, Any], path: str, value: object) -> None:
    *way, last = path.split("/")
    for step in way:
        thing = thing[step]
    thing[last] = value


def _set(kind: str, name: str, path: str, value: object) -> Mutation:
    return lambda docs: _put(one(docs, kind, name), path, value)


def _pod(name: str, path: str, value: object) -> Mutation:
    return lambda docs: _put(workload(docs, name).pod, path, value)


def _inside(name: str, path: str, value: object) -> Mutation:
    return lambda docs: _put(_container(docs, name), path, value)


def _drop(kind: str, name: str) -> Mutation:
    return lambda docs: docs.remove(one(docs, kind, name))


def _without(name: str, key: str) -> Mutation:
    return lambda docs: _container(docs, name).pop(key)


def _setting(name: str, value: str | None, config: str = "newsfeed") -> Mutation:
    def change(docs: Docs) -> None:
        data = one(docs, "ConfigMap", config)["data"]
        data.pop(name, None)
        if value is not None:
            data[name] = value

    return change


def _secret_in_production(docs: Docs) -> None:
    docs.append({"kind": "Secret", "metadata": {"name": "s", "namespace": "newsfeed-production"}})


def _sidecar(annotation: str, value: str) -> Mutation:
    def change(docs: Docs) -> None:
        workload(docs, "api-read").template["metadata"]["annotations"][annotation] = value

    return change


def _label(name: str, component: str) -> Mutation:
    labels = {"app.kubernetes.io/component": component}
    return lambda docs: workload(docs, name).labels.update(labels)


def _target_port(service: str, port: str) -> Mutation:
    return lambda docs: _put(one(docs, "Service", service)["spec"]["ports"][0], "targetPort", port)


def _scale(name: str, field: str, count: int) -> Mutation:
    return _set(SCALED, name, f"spec/{field}", count)


def _second_autoscaler(docs: Docs) -> None:
    docs.append(one(docs, SCALED, "consumer"))


def _unused_volume(docs: Docs) -> None:
    workload(docs, "relay").pod["volumes"].append({"name": "unused", "emptyDir": {}})


def _wave(docs: Docs) -> None:
    one(docs, "Job", "migrate")["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] = "1"


def _no_hook(docs: Docs) -> None:
    del one(docs, "Job", "topics")["metadata"]["annotations"]["argocd.argoproj.io/hook"]


def _other_namespace(docs: Docs) -> None:
    one(docs, "RoleBinding", "prometheus")["subjects"][0]["namespace"] = "default"


def _other_image(docs: Docs) -> None:
    workload(docs, "relay").pod["initContainers"][0]["image"] = "newsfeed:local2"


def _probe_host(docs: Docs) -> None:
    _container(docs, "api-read")["readinessProbe"]["httpGet"]["httpHeaders"][0]["value"] = "pod"


def _unbounded(docs: Docs) -> None:
    del one(docs, "CronJob", "topics-ensure")["spec"]["jobTemplate"]["spec"][
        "activeDeadlineSeconds"
    ]


def _schedule(field: str, value: object) -> Mutation:
    return _set("CronJob", "topics-ensure", f"spec/{field}", value)


def _asks_itself(docs: Docs) -> None:
    metadata = one(docs, "ScaledObject", "consumer")["spec"]["triggers"][0]["metadata"]
    metadata["bootstrapServers"] = metadata.pop("bootstrapServersFromEnv")


def _tells_a_short_name(docs: Docs) -> None:
    told = {"name": "KAFKA_ADVERTISED_LISTENERS", "value": "PLAINTEXT://kafka-0.kafka-nodes:9092"}
    _container(docs, "kafka")["env"].append(told)


LINK = "selector/matchLabels"
OTHER = {"app.kubernetes.io/component": "nobody"}
SECURITY = "securityContext"
MUTATIONS: dict[i.Check, list[tuple[str, Mutation]]] = {
    i.selectors_match_their_templates: [
        ("local", _set("Deployment", "relay", f"spec/{LINK}", OTHER)),
        ("local", _set("Deployment", "relay", f"spec/{LINK}", {})),
        ("local", _label("relay", "consumer")),
    ],
    i.services_reach_pods: [
        ("local", _set("Service", "mysql", "spec/selector", OTHER)),
        ("local", _set("Service", "api-read", "spec/selector", {})),
        ("local", _target_port("kafka", "broker")),
    ],
    i.references_resolve: [
        ("local", _drop("Secret", "redis")),
        ("local", _setting("datasource.yaml", None, "grafana-provisioning")),
        ("local", _drop("ConfigMap", "newsfeed")),
        ("local", _set("Secret", "grafana", "data", {})),
        ("local", _unused_volume),
        ("production", _drop("ExternalSecret", "newsfeed")),
    ],
    i.targets_exist: [
        ("local", _set(SCALED, "consumer", "spec/scaleTargetRef/name", "feeder")),
        ("local", _set("StatefulSet", "kafka", "spec/serviceName", "brokers")),
        ("local+keda", _set("ScaledObject", "consumer", "spec/scaleTargetRef/name", "x")),
        ("local+istio", _set("DestinationRule", "api-read", "spec/host", "api")),
    ],
    i.selected_pods_exist: [
        ("local", _set("PodDisruptionBudget", "relay", f"spec/{LINK}", OTHER)),
        ("production", _set("NetworkPolicy", "mysql", "spec/podSelector/matchLabels", OTHER)),
        ("local+prometheus-operator", _set("PodMonitor", "newsfeed", f"spec/{LINK}", OTHER)),
    ],
    i.autoscalers_own_the_replicas: [
        ("local", _set("Deployment", "api-read", "spec/replicas", 2)),
        ("local", _drop(SCALED, "consumer")),
        ("local", _second_autoscaler),
    ],
    i.reads_scale_to_seven_and_writes_to_three: [
        ("local", _scale("api-read", "maxReplicas", 8)),
        ("local", _scale("api-write", "minReplicas", 2)),
    ],
    i.every_consumer_has_a_deployment: [
        ("local", _drop("Deployment", "consumer-visibility")),
        ("local", _inside("consumer-visibility", "command", ["manage.py", "consume", "feed"])),
    ],
    i.consumers_are_no_more_than_partitions: [
        ("local", _scale("consumer", "maxReplicas", 13)),
        ("local", _setting("KAFKA_PARTITIONS", "6")),
        ("local+keda", _set("ScaledObject", "consumer", "spec/maxReplicaCount", 24)),
        ("local+keda", _setting("KAFKA_CONSUMER_GROUP", "other")),
    ],
    i.images_are_pinned: [
        ("local", _inside("redis", "image", "redis:latest")),
        ("local", _inside("kafka", "image", "apache/kafka")),
        ("local", _other_image),
    ],
    i.two_load_balancers: [
        ("local", _set("Service", "prometheus", "spec/type", "LoadBalancer")),
        ("local", _set("Service", "grafana", "spec/type", "ClusterIP")),
        ("local+istio", _set("Service", "api-read", "spec/type", "LoadBalancer")),
    ],
    i.metrics_are_not_public: [
        ("local", _target_port("gateway", "metrics")),
    ],
    i.secrets_are_not_in_git: [
        ("production", _secret_in_production),
    ],
    i.waves_are_in_order: [
        ("local", _wave),
        ("local", _no_hook),
        ("local", _set("ConfigMap", "newsfeed", "metadata/annotations", {})),
        ("production", _set("ExternalSecret", "newsfeed", "metadata/annotations", {})),
    ],
    i.everything_is_in_one_namespace: [
        ("local", _set("Service", "redis", "metadata/namespace", "x")),
        ("local", _set("Namespace", "newsfeed", "metadata/labels", {})),
        ("local", _other_namespace),
    ],
    i.kafka_has_the_brokers_that_its_topics_need: [
        ("production", _set("StatefulSet", "kafka", "spec/replicas", 2)),
        ("local", _setting("KAFKA_REPLICATION_FACTOR", "3")),
        ("local", _setting("KAFKA_RETENTION_DAYS", "14")),
        ("production", _setting("KAFKA_MIN_INSYNC_REPLICAS", "1")),
    ],
    i.kafka_is_found_from_kedas_namespace: [
        ("local+keda", _setting("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092")),
        ("production+keda", _setting("KAFKA_BOOTSTRAP_SERVERS", "kafka.newsfeed.svc:9092")),
        ("local+keda", _asks_itself),
        ("local+keda", _tells_a_short_name),
    ],
    i.kafka_lets_keda_in: [
        ("production+keda", _set("NetworkPolicy", "kafka", "spec/ingress", [])),
    ],
    p.pods_are_restricted: [
        ("local", _pod("relay", f"{SECURITY}/runAsNonRoot", None)),
        ("local", _pod("redis", f"{SECURITY}/seccompProfile", {})),
        ("local", _pod("kafka", "enableServiceLinks", None)),
        ("local", _pod("grafana", "automountServiceAccountToken", None)),
        ("local", _inside("mysql", f"{SECURITY}/readOnlyRootFilesystem", None)),
        ("local", _inside("clean-up", f"{SECURITY}/capabilities", {})),
    ],
    p.resources_are_bounded: [
        ("local", _inside("prometheus", "resources/limits", {})),
        ("local", _inside("api-read", "resources/requests", {"cpu": "1"})),
        ("local", _inside("consumer", "resources/limits/cpu", "1")),
    ],
    p.probes_are_there: [
        ("local", _without("kafka-exporter", "readinessProbe")),
        ("local", _inside("mysql", "livenessProbe/tcpSocket/port", "db")),
        ("local", _inside("consumer", "startupProbe/failureThreshold", 2)),
    ],
    p.probes_are_answered: [
        ("local", _inside("api-write", "livenessProbe/httpGet/port", "http")),
        ("local", _inside("api-read", "livenessProbe/httpGet/path", "/readyz")),
        ("local", _inside("api-read", "readinessProbe/httpGet/path", "/readyz")),
        ("local", _inside("consumer", "livenessProbe/httpGet/path", "/metrics")),
        ("local", _probe_host),
        ("local", _setting("ALLOWED_HOSTS", "feed.example.com")),
    ],
    p.grace_is_longer_than_the_drain: [
        ("local", _pod("api-write", "terminationGracePeriodSeconds", 30)),
        ("local", _pod("relay", "terminationGracePeriodSeconds", 18)),
        ("local", _pod("consumer", "terminationGracePeriodSeconds", 27)),
        ("local", _without("gateway", "lifecycle")),
        ("local", _inside("gateway", "lifecycle/preStop/sleep/seconds", 10)),
        ("local", _pod("gateway", "terminationGracePeriodSeconds", 55)),
        ("local", _setting("nginx.conf", "events {}", "gateway")),
    ],
    p.the_mesh_holds_nobody_up: [
        ("local+istio", _sidecar("proxy.istio.io/config", '{"terminationDrainDuration": "30s"}')),
        ("local+istio", _sidecar("proxy.istio.io/config", '{"terminationDrainDuration": "45s"}')),
        ("local+istio", _sidecar("proxy.istio.io/config", "{}")),
        ("local+istio", _sidecar("traffic.sidecar.istio.io/excludeOutboundPorts", "3306,6379")),
    ],
    p.liveness_is_more_patient_than_the_worker: [
        ("local", _inside("relay", "livenessProbe/periodSeconds", 60)),
    ],
    p.variables_are_settings: [
        ("local", _setting("KAFKA_ACK", "all")),
        ("local", _setting("KAFKA_BOOTSTRAP_SERVERS", None)),
        ("local", _set("Secret", "newsfeed", "data", {})),
    ],
    p.commands_exist: [
        ("local", _inside("relay", "command", ["python", "manage.py", "relay"])),
        (
            "local",
            _inside("consumer", "command", ["python", "manage.py", "consume_feed", "--port", "1"]),
        ),
    ],
    p.cron_jobs_keep_the_settings_time: [
        ("local", _setting("TIME_ZONE", "Asia/Seoul")),
        ("local", _schedule("concurrencyPolicy", "Allow")),
        ("local", _unbounded),
    ],
}
CASES = [
    (variant, check, mutate) for check, broken in MUTATIONS.items() for variant, mutate in broken
]
IDS = [f"{check.__name__}-{number}" for number, (_, check, _) in enumerate(CASES)]


@pytest.mark.parametrize(("variant", "check", "mutate"), CASES, ids=IDS)
def test_what_is_broken_is_noticed(variant: str, check: i.Check, mutate: Mutation) -> None:
    overlay, *added = variant.split("+")
    docs = manifests_of(overlay, added)
    assert list(check(docs)) == []
    mutate(docs)
    assert list(check(docs))


def test_every_invariant_has_been_broken() -> None:
    assert {*MUTATIONS} == {*i.CHECKS, *p.POD_CHECKS}
