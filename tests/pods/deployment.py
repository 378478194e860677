"""A Deployment's rolling restart, as its controller, the endpoints and the kubelets do it."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

from dev.control import Control
from tests.k8s.objects import workload
from tests.k8s.rendering import Manifest
from tests.pods.cluster_ip import ClusterIP
from tests.pods.pod import Pod

PROPAGATION_SECONDS = 3
"""So long all nodes may take to hear that a pod is on its way out. It knows before they do."""


class Deployment:
    def __init__(
        self, docs: list[Manifest], name: str, stack: Control, service: ClusterIP | None = None
    ) -> None:
        self._docs, self.name, self._stack, self._service = docs, name, stack, service
        strategy = workload(docs, name).spec["strategy"]["rollingUpdate"]
        self._surges = strategy["maxSurge"] > 0
        assert (strategy["maxSurge"], strategy["maxUnavailable"]) in ((1, 0), (0, 1))
        self._pods: list[Pod] = []
        self._all: list[Pod] = []

    def start(self, replicas: int) -> None:
        """Returns when all are ready."""
        self._pods = [self._new() for _ in range(replicas)]
        for pod in self._pods:
            self._open(pod)

    def restart(self, kubelets: ThreadPoolExecutor) -> list[Future[None]]:
        """One pod after the other. The last may still be on their way out, until these are done."""
        olds, self._pods = self._pods, []
        ends = []
        for old in olds:
            if not self._surges:
                ends.append(kubelets.submit(self._delete, old))
            self._pods.append(self._new())
            self._open(self._pods[-1])
            if self._surges:
                ends.append(kubelets.submit(self._delete, old))
        return ends

    def kill(self) -> None:
        for pod in self._all:
            pod.kill()

    def _new(self) -> Pod:
        pod = Pod(self._docs, self.name, self._stack)
        pod.start()
        self._all.append(pod)
        return pod

    def _open(self, pod: Pod) -> None:
        pod.wait_until_ready()
        if self._service:
            self._service.endpoints.append(pod.port("http"))

    def _delete(self, pod: Pod) -> None:
        """At the same time, as nobody waits: the Service forgets it, and the kubelet ends it."""
        with ThreadPoolExecutor(1) as endpoints:
            forgetting = endpoints.submit(self._forget, pod)
            pod.delete()
            forgetting.result()

    def _forget(self, pod: Pod) -> None:
        if self._service:
            time.sleep(PROPAGATION_SECONDS)
            self._service.endpoints.remove(pod.port("http"))
