"""The component mysql-replica: what follows whom, and who reads from it."""

import re

import pytest
from environ import Env

from tests.k8s.objects import environment, of_kind, one, own, references, selects, workload
from tests.k8s.rendering import K8S, Manifest, manifests_of
from tests.k8s.test_settings import KEPT, check

PASSWORD = "$(MYSQL_PASSWORD)"


@pytest.fixture
def docs() -> list[Manifest]:
    return manifests_of("local", ["network-policies", "mysql-replica"])


def _args(docs: list[Manifest], name: str) -> dict[str, str]:
    args = workload(docs, name).pod["containers"][0]["args"]
    return {name: value for name, _, value in (arg[2:].partition("=") for arg in args)}


def test_the_read_group_alone_reads_there(docs: list[Manifest]) -> None:
    urls = {
        w.name: environment(docs, container).get("DATABASE_REPLICA_URL")
        for w in own(docs)
        for container in w.pod["containers"]
    }
    url = urls.pop("api-read")
    assert url
    assert len(urls) > 5
    assert set(urls.values()) == {None}
    replica, primary = Env.db_url_config(url), Env.db_url_config(KEPT["DATABASE_URL"])
    assert replica["HOST"] == one(docs, "Service", "mysql-replica")["metadata"]["name"]
    assert [replica[k] for k in ("USER", "NAME")] == [primary[k] for k in ("USER", "NAME")]


def test_the_kubelet_fills_in_a_password_that_it_has_before(docs: list[Manifest]) -> None:
    names = [v["name"] for v in workload(docs, "api-read").pod["containers"][0]["env"]]
    assert names.index("MYSQL_PASSWORD") < names.index("DATABASE_REPLICA_URL")


def test_the_service_starts_with_it(docs: list[Manifest]) -> None:
    given = environment(docs, workload(docs, "api-read").pod["containers"][0])
    given["DATABASE_REPLICA_URL"] = given["DATABASE_REPLICA_URL"].replace(PASSWORD, "x")
    checked = check(KEPT | given)
    assert checked.returncode == 0, checked.stderr
    itself = given | {"DATABASE_REPLICA_URL": given["DATABASE_URL"]}
    assert "names the server of DATABASE_URL" in check(KEPT | itself).stderr


def test_both_servers_number_their_transactions_and_are_of_one_version(
    docs: list[Manifest],
) -> None:
    primary, replica = _args(docs, "mysql"), _args(docs, "mysql-replica")
    for name in ("gtid-mode", "enforce-gtid-consistency"):
        assert primary[name] == replica[name] == "ON"
    for name in ("character-set-server", "collation-server", "binlog-expire-logs-seconds"):
        assert primary[name] == replica[name]
    assert "plugin-load-add" in primary
    assert replica["super-read-only"] == "ON"
    images = {
        container["image"]
        for name in ("mysql", "mysql-replica")
        for container in workload(docs, name).containers
        if container["name"] != "exporter"
    }
    assert len(images) == 1


def test_the_copy_lies_where_the_server_looks_for_it(docs: list[Manifest]) -> None:
    script = (K8S / "components" / "mysql-replica" / "copy.sh").read_text()
    [data] = re.findall(r"^data=(\S+)$", script, re.MULTILINE)
    [init_file] = re.findall(r"^cat >(\S+) ", script, re.MULTILINE)
    [host] = re.findall(r"^host=(\S+)$", script, re.MULTILINE)
    args = _args(docs, "mysql-replica")
    assert (args["datadir"], args["init-file"]) == (data, init_file)
    assert one(docs, "Service", host)["spec"]["selector"] != {}
    pod = workload(docs, "mysql-replica").pod
    given = {name for v in pod["initContainers"][0]["env"] if (name := v["name"])}
    assert set(re.findall(r"\$([A-Z_]+)", script)) - {"MYSQL_PWD"} == given
    mounted = [m["mountPath"] for m in pod["containers"][0]["volumeMounts"]]
    for path in (data, init_file):
        assert any(path.startswith(f"{mount}/") for mount in mounted)
    assert ("Secret", "replication-password") in {(k, key) for k, _, key in references(pod)}


def test_a_replica_gets_to_the_primary_and_readers_get_to_it(docs: list[Manifest]) -> None:
    labels = {name: workload(docs, name).labels for name in ("mysql", "mysql-replica", "api-read")}
    policies = of_kind(docs, "NetworkPolicy")

    def may(source: str, target: str) -> bool:
        def passes(direction: str, peer: str, here: str, there: str) -> bool:
            rules = [
                rule
                for policy in policies
                if selects(policy["spec"]["podSelector"], labels[here])
                for rule in policy["spec"].get(direction, [])
                if any(port["port"] == 3306 for port in rule.get("ports", []))
            ]
            return any(
                selects(one["podSelector"], labels[there])
                for rule in rules
                for one in rule[peer]
                if "podSelector" in one
            )

        return passes("egress", "to", source, target) and passes("ingress", "from", target, source)

    assert may("mysql-replica", "mysql")
    assert may("api-read", "mysql-replica")
    assert may("api-read", "mysql")
    assert not may("mysql", "api-read")


def test_external_data_takes_all_of_it_away() -> None:
    docs = manifests_of("local", ["network-policies", "mysql-replica", "external-data"])
    assert not [d for d in docs if d["metadata"]["name"].startswith("mysql")]
    given = environment(docs, workload(docs, "api-read").pod["containers"][0])
    assert "DATABASE_REPLICA_URL" not in given
    assert {"DATABASE_URL", "WEB_THREADS"} < set(given)
