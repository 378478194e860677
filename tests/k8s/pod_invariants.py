"""What must hold of every pod, and of what runs in it."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, load_command_class
from django.core.management import get_commands as commands_of_apps
from django.urls import Resolver404, resolve

from accounts import erasure
from feeds import visibility
from newsfeed.events import failures, relay
from newsfeed.workers.loop import STALE_SECONDS
from tests.k8s.invariants import Check
from tests.k8s.objects import Workload, environment, name_of, of_kind, own, workloads
from tests.k8s.rendering import ROOT, Manifest

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
READ_IN_PYTHON = r'\b(?:env|env\.\w+|os\.environ\.get)\(\s*"(\w+)"'
REQUIRED = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"}
CLOSE_SECONDS = 5
"""What consumer and producer give Kafka to say good-bye."""


def pods_are_restricted(docs: list[Manifest]) -> Iterator[str]:
    for w in workloads(docs):
        pod = w.pod.get("securityContext", {})
        if not (pod.get("runAsNonRoot") and pod.get("runAsUser") and pod.get("runAsGroup")):
            yield f"{w} may run as root"
        if pod.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{w} has no seccomp profile"
        if w.pod.get("enableServiceLinks") is not False:
            yield f"{w} has service links"
        if w.pod.get("automountServiceAccountToken") is not (w.name == "prometheus"):
            yield f"{w}: only Prometheus needs a token"
        for container in w.containers:
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            if container.get("securityContext") != wanted:
                yield f"{w}: {container['name']}: {container.get('securityContext')}"


def resources_are_bounded(docs: list[Manifest]) -> Iterator[str]:
    for w in workloads(docs):
        for container in w.containers:
            resources = container.get("resources", {})
            if set(resources.get("requests", {})) != {"cpu", "memory"}:
                yield f"{w}: {container['name']} requests {resources.get('requests')}"
            # A CPU limit would slow down what the autoscaler is to notice.
            if set(resources.get("limits", {})) != {"memory"}:
                yield f"{w}: {container['name']} is limited in {resources.get('limits')}"


def probes_are_there(docs: list[Manifest]) -> Iterator[str]:
    for w in workloads(docs):
        for container in w.pod["containers"] if w.serves else []:
            for kind in PROBES:
                if kind not in container:
                    yield f"{w}: {container['name']} has no {kind}"
                else:
                    yield from _probe(w, container, kind)


def _probe(w: Workload, container: dict[str, Any], kind: str) -> Iterator[str]:
    probe = container[kind]
    asked = probe.get("httpGet") or probe.get("tcpSocket") or {}
    names = {port["name"] for port in container["ports"]}
    if asked and asked["port"] not in names:
        yield f"{w}: {kind} asks the port {asked['port']}"
    if kind == "startupProbe" and probe.get("failureThreshold", 3) * probe["periodSeconds"] < 15:
        yield f"{w}: {container['name']} has less than 15 s to start"


def probes_are_answered(docs: list[Manifest]) -> Iterator[str]:
    """By the paths that are written for them, and under a name that Django answers to."""
    for w in own(docs):
        for kind in PROBES if w.serves else []:
            container = w.pod["containers"][0]
            asked = container[kind]["httpGet"]
            wanted = ("metrics", "/livez")
            if w.name.startswith("api-") and kind != "livenessProbe":
                ready = kind == "readinessProbe"
                wanted = ("http", "/readyz?optional=redis" if ready else "/livez")
                yield from _host(docs, w, container, asked)
            if (asked["port"], asked["path"]) != wanted:
                yield f"{w}: {kind} asks {asked['port']} for {asked['path']}"


def _host(
    docs: list[Manifest], w: Workload, container: dict[str, Any], asked: dict[str, Any]
) -> Iterator[str]:
    hosts = [h["value"] for h in asked.get("httpHeaders", []) if h["name"] == "Host"]
    allowed = environment(docs, container).get("ALLOWED_HOSTS", "").split(",")
    if len(hosts) != 1 or hosts[0] not in allowed:
        yield f"{w}: the probe's host {hosts} is not in {allowed}"
    try:
        resolve(asked["path"].partition("?")[0])
    except Resolver404:
        yield f"{w}: the API has no {asked['path']}"


def grace_is_longer_than_the_drain(docs: list[Manifest]) -> Iterator[str]:
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    # A batch that fails and is tried again, its commit, and good-bye to the group.
    sends = settings.TIME_LIMITS.kafka_delivery
    batch = 2 * failures.RETRY_SECONDS + 3 * CLOSE_SECONDS + sends
    drains = {
        "api-read": gunicorn["graceful_timeout"],
        "api-write": gunicorn["graceful_timeout"],
        "gateway": _nginx_seconds(docs),
        "consumer": batch,
        "consumer-visibility": batch + 3 * (erasure.MOST_SECONDS + visibility.MOST_SECONDS),
        # A slice that is sent and not acknowledged, topics made, sent again, and good-bye.
        "relay": relay.RELAY_SECONDS + relay.MISSING_SECONDS + CLOSE_SECONDS,
    }
    for w in workloads(docs):
        hook = w.pod["containers"][0].get("lifecycle", {}).get("preStop", {})
        pause = hook.get("sleep", {}).get("seconds", 0)
        grace = w.pod.get("terminationGracePeriodSeconds", 30)
        if w.serves and grace <= pause + drains.get(w.name, 10):
            yield f"{w} has {grace} s for {pause} s of waiting and {drains[w.name]} s of work"
        if pause < {"api-read": 5, "api-write": 5, "gateway": 30}.get(w.name, 0):
            yield f"{w} stops before all know that it will"


def the_mesh_holds_nobody_up(docs: list[Manifest]) -> Iterator[str]:
    """There is no sidecar yet for init containers, which ask the stores; and it is told to end when
    preStop begins, but must last as long as the API.
    """
    stores = {"mysql", "mysql-replica", "redis", "kafka"}
    ports = {
        str(port["port"])
        for doc in of_kind(docs, "Service")
        if name_of(doc) in stores
        for port in doc["spec"]["ports"]
    }
    work = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["graceful_timeout"]
    for w in workloads(docs):
        if "sidecar.istio.io/inject" in w.labels:
            notes = w.template["metadata"].get("annotations", {})
            past = notes.get("traffic.sidecar.istio.io/excludeOutboundPorts", "").split(",")
            if not ports <= set(past):
                yield f"{w}: the ports of the stores are {sorted(ports)}, past the mesh go {past}"
            proxy = json.loads(notes.get("proxy.istio.io/config", "{}"))
            drain = int(proxy.get("terminationDrainDuration", "5s").removesuffix("s"))
            pause = w.pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            if not pause + work < drain < w.pod["terminationGracePeriodSeconds"]:
                yield f"{w}: the sidecar drains for {drain} s"


def _nginx_seconds(docs: list[Manifest]) -> int:
    for doc in of_kind(docs, "ConfigMap"):
        if conf := doc.get("data", {}).get("nginx.conf"):
            found = re.search(r"worker_shutdown_timeout (\d+)s;", conf)
            return int(found[1]) if found else 10_000
    return 0


def liveness_is_more_patient_than_the_worker(docs: list[Manifest]) -> Iterator[str]:
    """/livez of a worker says itself when it is stuck, after a minute: no probe may add none."""
    for w in own(docs):
        if w.serves:
            probe = w.pod["containers"][0]["livenessProbe"]
            wait = probe["periodSeconds"] * probe.get("failureThreshold", 3)
            if not 20 <= wait <= STALE_SECONDS:
                yield f"{w} is restarted after {wait} s without an answer"


def variables_are_settings(docs: list[Manifest]) -> Iterator[str]:
    read = {
        name
        for path in (ROOT / "newsfeed/settings.py", ROOT / "newsfeed/server/hooks.py")
        for name in re.findall(READ_IN_PYTHON, Path(path).read_text())
    }
    secret = {doc["metadata"]["name"] for doc in of_kind(docs, "ExternalSecret")}
    for w in own(docs):
        for container in w.containers:
            given = set(environment(docs, container))
            for name in sorted(given - read):
                yield f"{w}: nobody reads {name}"
            sources = {s.get("secretRef", {}).get("name") for s in container["envFrom"]}
            kept = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} if sources & secret else set()
            for name in sorted(REQUIRED - given - kept):
                yield f"{w}: {name} is not given"


def commands_exist(docs: list[Manifest]) -> Iterator[str]:
    for w in own(docs):
        for container in w.pod["containers"]:
            if command := container.get("command"):
                yield from _command(w, command)


def _command(w: Workload, command: list[str]) -> Iterator[str]:
    python, manage, name, *arguments = command
    if (python, manage) != ("python", "manage.py") or name not in commands_of_apps():
        yield f"{w}: there is no command {name}"
        return
    app = commands_of_apps()[name]
    parser = load_command_class(app, name).create_parser("manage.py", name)
    try:
        parser.parse_args(arguments)
    except (CommandError, SystemExit) as error:
        yield f"{w}: {' '.join(command)}: {error}"


def cron_jobs_keep_the_settings_time(docs: list[Manifest]) -> Iterator[str]:
    for doc in of_kind(docs, "CronJob"):
        spec = doc["spec"]
        container = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        zone = environment(docs, container)["TIME_ZONE"]
        if spec.get("timeZone") != zone:
            yield f"CronJob {doc['metadata']['name']} runs by {spec.get('timeZone')}, not {zone}"
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"CronJob {doc['metadata']['name']} may run twice at a time"
        if "activeDeadlineSeconds" not in spec["jobTemplate"]["spec"]:
            yield f"CronJob {doc['metadata']['name']} may run for ever"


POD_CHECKS: list[Check] = [
    pods_are_restricted,
    resources_are_bounded,
    probes_are_there,
    probes_are_answered,
    grace_is_longer_than_the_drain,
    the_mesh_holds_nobody_up,
    liveness_is_more_patient_than_the_worker,
    variables_are_settings,
    commands_exist,
    cron_jobs_keep_the_settings_time,
]
