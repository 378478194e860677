"""Against a real cluster of three nodes and a replica."""

import random
from itertools import count
from pathlib import Path
from threading import Thread
from unittest.mock import Mock

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from conftest import free_port
from newsfeed.redis import client as newsfeed_redis
from newsfeed.redis.client import Client, Cluster, Command, RedisUnavailable, Script, ask
from newsfeed.redis.settings import caches as redis_caches
from newsfeed.time_limits import TimeLimits
from tests.deadline import assert_quick, wait_until
from tests.redis_cluster import PRIMARIES, SOON_MS, RedisCluster, client_of, use
from tests.time_limits import PATIENT


def _keys(cluster: RedisCluster) -> list[str]:
    """One for each node, in their order."""
    found = {cluster.owner(f"key-{n}").port: f"key-{n}" for n in range(40)}
    return [found[node.port] for node in cluster.nodes[:PRIMARIES]]


def _is_answered(*keys: str) -> bool:
    """By somebody whose breaker never opens."""
    try:
        Client("default").send([("GET", key) for key in keys])
    except newsfeed_redis.RedisError:
        return False
    return True


def test_replies_come_in_the_order_of_the_commands(redis_cluster: RedisCluster) -> None:
    keys = _keys(redis_cluster)
    ask(*(("SET", key, n) for n, key in enumerate(keys)))
    order = [2, 0, 1, 1, 0, 2]
    assert ask(*(("GET", keys[n]) for n in order)) == [b"%d" % n for n in order]
    for key, node in zip(keys, redis_cluster.nodes, strict=False):
        assert node.run("KEYS", "*") == [key]


def test_each_node_gets_one_request_and_all_get_it_before_one_is_heard(
    redis_cluster: RedisCluster, traffic: list[str]
) -> None:
    keys = _keys(redis_cluster)
    commands = [("GET", key) for key in keys * 5]
    ask(*commands)  # and now there are connections
    traffic.clear()
    ask(*commands)
    ports = [node.port for node in redis_cluster.nodes[:PRIMARIES]]
    assert traffic[:PRIMARIES] == [f">{port}" for port in ports]
    assert traffic[PRIMARIES:] == [f"<{port}" for port in ports for _ in range(5)]


def test_an_error_among_the_replies_does_not_meet_the_next_caller(
    redis_cluster: RedisCluster,
) -> None:
    one, two, three = _keys(redis_cluster)
    ask(("SET", two, "text"))
    with pytest.raises(RedisUnavailable, match="not an integer"):
        ask(("INCR", one), ("INCR", two), ("GET", two), ("GET", three))
    assert ask(("GET", one), ("GET", two), ("GET", three)) == [b"1", b"text", None]


def test_a_script_that_one_node_has_lost_is_sent_to_it(
    redis_cluster: RedisCluster, tmp_path: Path
) -> None:
    (tmp_path / "add.lua").write_text("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    script = Script(tmp_path / "add.lua")
    commands = [("EVALSHA", script.sha, 1, key, 2) for key in _keys(redis_cluster)]
    assert ask(*commands) == [2, 2, 2]
    redis_cluster.nodes[1].run("SCRIPT", "FLUSH")
    assert ask(*commands) == [4, 4, 4]


def test_a_slot_may_move_while_its_keys_are_used(redis_cluster: RedisCluster) -> None:
    keys = _keys(redis_cluster)
    moving = keys[1]
    commands = [("INCR", key) for key in keys]
    assert ask(*commands) == [1, 1, 1]
    target = redis_cluster.begin_move(moving)
    assert ask(*commands) == [2, 2, 2]  # the key is still there
    redis_cluster.move_key(moving, target)
    assert ask(*commands) == [3, 3, 3]  # ASK
    redis_cluster.end_move(moving, target)
    assert ask(*commands) == [4, 4, 4]  # MOVED
    assert target.run("GET", moving) == "4"


def test_who_has_been_told_where_a_slot_is_asks_there(
    redis_cluster: RedisCluster, traffic: list[str]
) -> None:
    key = _keys(redis_cluster)[1]
    ask(("SET", key, 1))
    target = redis_cluster.begin_move(key)
    redis_cluster.move_key(key, target)
    redis_cluster.end_move(key, target)
    assert ask(("GET", key)) == [b"1"]
    traffic.clear()
    assert ask(("GET", key)) == [b"1"]
    assert traffic == [f">{target.port}", f"<{target.port}"]


def test_keys_that_are_on_their_way_are_as_good_as_none(redis_cluster: RedisCluster) -> None:
    ask(("SET", "{x}1", 1), ("SET", "{x}2", 1))
    both = ("EXISTS", "{x}1", "{x}2")
    assert ask(both) == [2]
    target = redis_cluster.begin_move("{x}1")
    redis_cluster.move_key("{x}1", target)
    with pytest.raises(RedisUnavailable, match="TryAgain"):
        ask(both)


def test_a_slot_without_an_owner_is_as_good_as_none(
    redis_cluster: RedisCluster, client: APIClient, db: None
) -> None:
    one, two, three = _keys(redis_cluster)
    assert client.get("/readyz").status_code == 200
    redis_cluster.take_slot(two)
    with pytest.raises(RedisUnavailable, match="ClusterDown"):
        ask(("GET", one), ("GET", two), ("GET", three))
    assert ask(("GET", one), ("GET", three)) == [None, None]
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["redis"] == "StoreUnavailable"
    redis_cluster.move_back()
    assert ask(("GET", two)) == [None]
    wait_until(lambda: client.get("/readyz").status_code == 200, 60, "all slots")


def test_a_node_that_dies_takes_only_its_keys_away(
    redis_cluster: RedisCluster, client: APIClient, db: None
) -> None:
    one, two, three = _keys(redis_cluster)
    ask(("SET", one, 1), ("SET", two, 1), ("SET", three, 1))
    redis_cluster.nodes[1].stop()
    with pytest.raises(RedisUnavailable):
        ask(("INCR", one), ("INCR", two), ("INCR", three))
    assert ask(("GET", one), ("GET", three)) == [b"2", b"2"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz?optional=redis").status_code == 200
    redis_cluster.nodes[1].start()
    wait_until(lambda: _is_answered(two), 60, "the node's own keys")
    assert ask(("GET", one), ("GET", two), ("GET", three)) == [b"2", None, b"2"]


def test_a_replica_that_takes_over_is_found_and_has_what_was_to_last(
    redis_cluster: RedisCluster, client: APIClient, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The table is read because of the failure, and not because it is old.
    monkeypatch.setattr(client_of("default"), "_fresh_until", float("inf"))
    key = _keys(redis_cluster)[0]
    ask(("SET", key, "kept"), durable=True)
    redis_cluster.nodes[0].stop()
    assert not _is_answered(key)
    redis_cluster.gives_up_after(SOON_MS)
    wait_until(lambda: _is_answered(key), 60, "the replica to take over")
    assert ask(("GET", key)) == [b"kept"]
    # The other nodes may hear of it a moment later.
    wait_until(lambda: client.get("/readyz").status_code == 200, 60, "all slots")


def test_a_hand_over_without_a_failure_is_not_noticed(redis_cluster: RedisCluster) -> None:
    key = _keys(redis_cluster)[0]
    ask(("SET", key, 1), durable=True)
    redis_cluster.gives_up_after(SOON_MS)  # nobody votes twice for one node's replica in twice that
    redis_cluster.nodes[3].run("CLUSTER", "FAILOVER")
    wait_until(lambda: redis_cluster.nodes[3].is_primary, 60, "the replica to take over")
    assert ask(("GET", key)) == [b"1"]


def test_what_is_to_last_is_not_answered_before_a_replica_has_it(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    use(redis_caches(redis_cluster.url, TimeLimits(redis_request=1)), settings)
    with_replica, without = _keys(redis_cluster)[:2]
    redis_cluster.nodes[3].freeze()
    ask(("SET", with_replica, 1))
    ask(("SET", without, 1), durable=True)
    with pytest.raises(RedisUnavailable, match="no replica"):
        ask(("SET", with_replica, 1), durable=True)


@pytest.mark.usefixtures("redis_always_asked")
def test_a_replica_that_is_known_to_be_dead_is_not_waited_for(redis_cluster: RedisCluster) -> None:
    key = _keys(redis_cluster)[0]
    redis_cluster.nodes[3].stop()

    def lasts() -> bool:
        try:
            ask(("SET", key, 1), durable=True)
        except RedisUnavailable:
            return False
        return True

    assert not lasts()
    redis_cluster.gives_up_after(SOON_MS)
    wait_until(lasts, 60, "the cluster to give the replica up")


def _last(*commands: Command) -> list[object]:
    """With the consumer's patience: a busy machine's replica may be slow."""
    return newsfeed_redis.workers.send(commands, durable=True)


def _waits(cluster: RedisCluster) -> int:
    """How often the node that has a replica was asked to wait for it."""
    told = cluster.nodes[0].run("INFO", "commandstats").get("cmdstat_wait")
    return int(told["calls"]) if told else 0


def test_a_slot_that_is_left_open_takes_what_is_to_last(redis_cluster: RedisCluster) -> None:
    """For its keys that have not moved, and for those that are not there."""
    key = _keys(redis_cluster)[0]
    ask(("SET", key, 1))
    target = redis_cluster.begin_move(key)
    before = _waits(redis_cluster)
    assert _last(("SET", key, 2)) == [b"OK"]
    assert _waits(redis_cluster) == before + 1
    assert _last(("DEL", key)) == [1]
    assert _last(("INCR", key), ("INCR", key)) == [1, 2]
    redis_cluster.end_move(key, target)
    assert target.run("GET", key) == "2"


def test_an_open_slot_does_not_keep_back_what_lies_in_others(
    redis_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not when it is the one that the mark for WAIT falls into."""
    key = _keys(redis_cluster)[0]
    marks = [n for n in range(40) if redis_cluster.owner(f"mark:{n}") is redis_cluster.nodes[0]]
    redis_cluster.begin_move(f"mark:{marks[0]}")
    monkeypatch.setattr(random, "getrandbits", drawn := Mock(side_effect=marks[:2]))
    assert _last(("SET", key, 1)) == [b"OK"]
    assert drawn.call_count == 2


def test_what_is_to_last_waits_where_it_is_redirected_to(redis_cluster: RedisCluster) -> None:
    key = _keys(redis_cluster)[2]
    assert redis_cluster.begin_move(key) is redis_cluster.nodes[0]
    before = _waits(redis_cluster)
    assert _last(("SET", key, 1)) == [b"OK"]
    assert _waits(redis_cluster) == before + 1


def test_a_new_owners_replica_is_looked_up_before_it_is_asked_again(
    redis_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The table is read because of the redirection, and not because it is old.
    monkeypatch.setattr(client_of("worker"), "_fresh_until", float("inf"))
    key = _keys(redis_cluster)[2]
    ask(("SET", key, 1))
    target = redis_cluster.begin_move(key)
    redis_cluster.move_key(key, target)
    redis_cluster.end_move(key, target)
    before = _waits(redis_cluster)
    assert _last(("SET", key, 2)) == [b"OK"]
    assert _waits(redis_cluster) == before + 1


@pytest.mark.parametrize("frozen", [1, 4])
@pytest.mark.usefixtures("redis_always_asked")
def test_a_request_does_not_wait_for_nodes_that_hang(
    redis_cluster: RedisCluster, frozen: int, settings: Settings
) -> None:
    use(redis_caches(redis_cluster.url, TimeLimits()), settings)
    keys = _keys(redis_cluster)
    wait_until(lambda: _is_answered(*keys), 60, "connections")
    for node in redis_cluster.nodes[:frozen]:
        node.freeze()

    def ask_in_vain() -> None:
        with pytest.raises(RedisUnavailable):
            ask(*(("GET", key) for key in keys))

    for _ in range(3):
        assert_quick(ask_in_vain, 0.6)


@pytest.mark.usefixtures("redis_always_asked")
def test_nor_for_a_cluster_that_was_never_there(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    names = map("new-{}".format, count())
    for node in redis_cluster.nodes:
        node.freeze()

    def ask_in_vain() -> None:
        settings.CACHES = redis_caches(
            f"{redis_cluster.url}?client_name={next(names)}", TimeLimits()
        )
        with pytest.raises(RedisUnavailable, match="told of the cluster"):
            ask(("GET", "a"))

    assert_quick(ask_in_vain, 0.6)
    for node in redis_cluster.nodes:
        node.thaw()
    wait_until(lambda: _is_answered("a"), 60, "a cluster")


def test_of_the_nodes_in_the_url_one_has_to_answer(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    url = redis_cluster.url
    settings.CACHES = redis_caches(f"{url.rpartition('@')[0]}@127.0.0.1:{free_port()}", PATIENT)
    with pytest.raises(RedisUnavailable):
        ask(("GET", "a"))
    settings.CACHES = redis_caches(f"{url.rpartition(',')[0]},127.0.0.1:{free_port()}", PATIENT)
    assert ask(("GET", "a")) == [None]


def test_a_wrong_password_and_a_single_redis_are_named(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    settings.CACHES = redis_caches(redis_cluster.url.replace("secret", "guess"), PATIENT)
    with pytest.raises(RedisUnavailable, match="invalid username-password pair"):
        ask(("GET", "a"))


def test_nodes_that_are_not_named_are_found(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    settings.CACHES = redis_caches(redis_cluster.url.partition(",")[0], PATIENT)
    assert ask(*(("GET", key) for key in _keys(redis_cluster))) == [None] * PRIMARIES


def test_threads_and_aliases_share_one_table_each(
    redis_cluster: RedisCluster, settings: Settings
) -> None:
    use(redis_caches(redis_cluster.url, TimeLimits()), settings)
    request, worker = (client_of(alias) for alias in ("default", "worker"))
    assert isinstance(request, Cluster)
    assert request is client_of("default")
    assert request is not worker
    assert (request.seconds, worker.seconds) == (0.25, 5)
    assert request.retry.get_retries() == 0


def test_a_table_that_no_thread_could_read_is_read_later(
    redis_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("worker")
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        with pytest.raises(newsfeed_redis.RedisError, match="can't start new thread"):
            client.refresh(1)
    client.refresh(60)


def test_djangos_cache_is_usable(redis_cluster: RedisCluster) -> None:
    for key in map(str, range(9)):
        cache.set(key, {"key": key})
        assert cache.get(key) == {"key": key}
    assert cache.add("0", 1) is False
    cache.set("n", 1)
    assert cache.incr("n") == 2
    assert all(cache.delete(key) for key in map(str, range(9)))
    assert cache.get("0") is None
