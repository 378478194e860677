"""A rolling restart of everything under load: nothing fails, is lost, doubled or late."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.chaos_check import Findings, check_redis, check_walks
from tests.k8s.invariants import CONSUMERS
from tests.k8s.nginx import Nginx
from tests.k8s.rendering import manifests_of
from tests.pods.cluster_ip import ClusterIP
from tests.pods.deployment import Deployment
from tests.pods.load import Load
from tests.running import Service
from tests.topics import FEED, Offsets

REPLICAS = 2
LATE_SECONDS = 30
WALKED = 12
"""So many feeds are read to their end, page by page."""
WORKERS = (*CONSUMERS, "relay")


class Cluster:
    """The Deployments of our image, with two pods each, and the gateway before the API's."""

    def __init__(self, service: Service, folder: Path, running: ExitStack) -> None:
        docs = manifests_of("production")
        groups = {name: running.enter_context(ClusterIP()) for name in ("api-read", "api-write")}
        self.deployments = {
            name: Deployment(docs, name, service.stack, groups.get(name))
            for name in (*groups, *WORKERS)
        }
        for deployment in self.deployments.values():
            running.callback(deployment.kill)
        with ThreadPoolExecutor(len(self.deployments)) as together:
            for start in [together.submit(d.start, REPLICAS) for d in self.deployments.values()]:
                start.result()
        self.gateway = Nginx(folder, *(group.port for group in groups.values()))
        self.gateway.start()
        running.callback(self.gateway.end)
        self.gateway.wait_until_ready()

    def restart(self) -> None:
        """One Deployment after the other. Fails when a pod does not end as it should."""
        with ThreadPoolExecutor(REPLICAS * len(self.deployments)) as kubelets:
            ends = [
                end
                for deployment in self.deployments.values()
                for end in deployment.restart(kubelets)
            ]
            for end in ends:
                end.result()


@pytest.fixture
def cluster(service: Service, tmp_path: Path) -> Iterator[Cluster]:
    """Does all the work: the stack's own workers rest."""
    with ExitStack() as running:
        for name in ("consumer", "relay"):
            service.stack.stop_program(name)
            running.callback(service.stack.wait_ready, name)
            running.callback(service.stack.start, name)
        yield Cluster(service, tmp_path, running)


def test_a_rolling_restart_under_load_is_noticed_by_nobody(
    service: Service, cluster: Cluster
) -> None:
    before = service.topics.ends(FEED)
    load = Load(service, cluster.gateway.port)
    dead = service.dead_letters()
    with load:
        cluster.restart()
    ledger = load.ledger
    assert not ledger.failed, f"{len(ledger.failed)} of {ledger.answered}: {ledger.failed[:5]}"
    late = max(ledger.delays)
    print(f"{ledger.answered} answers, {len(ledger.posts)} posts, the latest after {late:.2f} s")
    assert late < LATE_SECONDS
    service.wait_for_rest(60)
    found = Findings()
    check_redis(service, load.readers, found)
    check_walks(service, load.readers[:WALKED], found)
    assert not found.all()
    assert found.ready == len(load.readers)
    assert service.dead_letters() == dead
    _assert_made_once(service, load)
    _assert_published(service, load, before)


def _posts_of(service: Service, author: int) -> list[tuple[str, int]]:
    return service.database.rows("SELECT content, id FROM posts WHERE user_id = %s", author)


def _assert_made_once(service: Service, load: Load) -> None:
    rows = [row for author in load.followers for row in _posts_of(service, author)]
    assert sorted(rows) == sorted(load.ledger.posts.items())


def _assert_published(service: Service, load: Load, before: Offsets) -> None:
    """One record or more for each follower of each post, and no other."""
    records = [record.value for record in service.topics.feed_records(before)]
    mine = [record for record in records if record["author_id"] in load.followers]
    seen = Counter((record["post_id"], record["follower_id"]) for record in mine)
    wanted = {
        (post_id, follower)
        for author, followers in load.followers.items()
        for _, post_id in _posts_of(service, author)
        for follower in followers
    }
    assert seen.keys() == wanted
    print(f"{len(wanted)} deliveries, {seen.total() - len(wanted)} records twice")
