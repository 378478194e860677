"""The whole service on a Redis Cluster, whose nodes move, die and follow each other."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts import session_cache
from accounts.models import User
from conftest import Pipeline
from feeds import store
from feeds.store import StoreUnavailable
from feeds.tests.conftest import FEED, crowd, edges, make_ready, stored_ids
from feeds.tests.processes import Process
from feeds.tests.test_consume_feed import Start, own_topics, start
from newsfeed.api import limits
from newsfeed.api.limits import Limit
from newsfeed.redis.client import RedisUnavailable
from newsfeed.redis.settings import caches as redis_caches
from newsfeed.time_limits import TimeLimits
from posts.models import Post
from posts.services import create_post
from tests.deadline import wait_until
from tests.redis_cluster import PRIMARIES, SOON_MS, RedisCluster, use

__all__ = ["own_topics", "start"]
FANS = 12
LogIn = Callable[[User], APIClient]


@pytest.fixture
def fans(redis_cluster: RedisCluster, alice: User) -> list[User]:
    """Of alice. Their feeds lie on all nodes."""
    users = crowd(FANS)
    edges(alice, users)
    assert len({redis_cluster.owner(store.key(user.pk)).port for user in users}) == PRIMARIES
    return users


def _of(cluster: RedisCluster, node: int, fans: list[User]) -> list[User]:
    return [fan for fan in fans if cluster.owner(store.key(fan.pk)) is cluster.nodes[node]]


def _page(client: APIClient) -> list[int]:
    response = client.get(FEED)
    assert response.status_code == 200
    return [post["id"] for post in response.json()["results"]]


def _pages_from(source: str) -> float:
    return REGISTRY.get_sample_value("feed_read_source_total", {"source": source}) or 0


def test_a_post_reaches_followers_on_every_node(
    redis_cluster: RedisCluster,
    pipeline: Pipeline,
    fans: list[User],
    as_alice: APIClient,
    as_user: LogIn,
) -> None:
    clients = [as_user(fan) for fan in fans]
    assert all(_page(client) == [] for client in clients)  # and now they are warm
    for node in redis_cluster.nodes[:PRIMARIES]:
        assert any(key.startswith("feed:") for key in node.run("KEYS", "*"))
    assert as_alice.post("/api/v1/posts/", {"content": "안녕"}).status_code == 201
    pipeline.settle()
    post = Post.objects.get()
    assert all(stored_ids(fan.pk) == [post.pk] for fan in fans)
    from_redis = _pages_from("redis")
    assert all(_page(client) == [post.pk] for client in clients)
    assert _pages_from("redis") == from_redis + FANS


def test_a_warm_page_costs_one_request_for_each_node_and_one_for_the_feed(
    fans: list[User], as_user: LogIn, traffic: list[str]
) -> None:
    for fan in fans:
        client = as_user(fan)
        client.get(FEED)
        client.get(FEED)
        traffic.clear()
        client.get(FEED)
        sent = [line for line in traffic if line.startswith(">")]
        assert 2 <= len(sent) <= PRIMARIES + 1
        assert all(sent.count(line) <= 2 for line in sent)


def test_sessions_end_and_limits_hold_on_every_node(fans: list[User], as_user: LogIn) -> None:
    for fan in fans:
        client = as_user(fan)
        assert [client.get("/api/v1/users/me/").status_code for _ in range(2)] == [200, 200]
        assert client.post("/api/v1/auth/logout/").status_code == 204
        assert client.get("/api/v1/users/me/").status_code == 401
        key = limits.key(fan.pk, "feed")
        counted = [limits.admit(key, Limit(2, 60)) for _ in range(3)]
        assert [outcome.admitted for outcome in counted] == [True, True, False]
    assert REGISTRY.get_sample_value(
        "feed_limiter_decisions_total", {"by": "redis", "outcome": "refused"}
    )


def test_feeds_are_drawn_from_every_node_and_seen_as_they_are(fans: list[User]) -> None:
    for fan in fans:
        make_ready(fan.pk, [fan.pk + 1], floor=fan.pk)
    users = {fan.pk for fan in fans}
    assert store.workers.draw(40 * FANS) == users
    contents = store.workers.peek([*users, 10**9])
    assert contents == {pk: (pk, {str(pk + 1): pk + 1}) for pk in users}


@pytest.mark.usefixtures("redis_always_asked")
def test_a_slot_that_nobody_owns_makes_the_store_unavailable_for_it_alone(
    redis_cluster: RedisCluster, fans: list[User]
) -> None:
    one, two = _of(redis_cluster, 1, fans)[0], _of(redis_cluster, 2, fans)[0]
    make_ready(one.pk)
    redis_cluster.take_slot(store.key(one.pk))
    for feeds in (store.requests, store.workers):
        for ask in (feeds.push, feeds.peek, feeds.invalidate):
            with pytest.raises(StoreUnavailable):
                ask({one.pk: [1], two.pk: [1]})
        with pytest.raises(StoreUnavailable):
            feeds.ping()
        assert feeds.read(two.pk, before=9, limit=1) is None
    redis_cluster.move_back()
    make_ready(one.pk, [1])
    assert stored_ids(one.pk) == [1]


def test_keys_between_two_nodes_make_the_store_unavailable(redis_cluster: RedisCluster) -> None:
    store.workers._ask([("SET", "{x}1", 1), ("SET", "{x}2", 1)])
    target = redis_cluster.begin_move("{x}1")
    redis_cluster.move_key("{x}1", target)
    with pytest.raises(StoreUnavailable, match="TryAgain"):
        store.workers._ask([("DEL", "{x}1", "{x}2")])


@pytest.fixture
def consumer(redis_cluster: RedisCluster, fans: list[User], alice: User, start: Start) -> Process:
    """That has delivered a post to all fans."""
    for fan in fans:
        make_ready(fan.pk)
    process = start(REDIS_URL=redis_cluster.url)
    post = create_post(user_id=alice.pk, content="before")
    process.wait_until(lambda: all(stored_ids(fan.pk) == [post.pk] for fan in fans))
    return process


def _killed_no_record(process: Process) -> bool:
    lines = process.ask("/metrics").splitlines()
    counts = [line.split()[-1] for line in lines if line.startswith("feed_dlq_total{")]
    return bool(counts) and set(counts) == {"0.0"}


def test_a_dead_node_holds_the_consumer_and_its_feeds_come_from_mysql(
    redis_cluster: RedisCluster, fans: list[User], alice: User, consumer: Process, as_user: LogIn
) -> None:
    away, there = _of(redis_cluster, 1, fans), _of(redis_cluster, 2, fans)
    redis_cluster.nodes[1].stop()
    ids = [create_post(user_id=alice.pk, content="meanwhile").pk, Post.objects.earliest("pk").pk]
    consumer.wait_until(lambda: "holding for" in consumer.log())
    assert all(_page(as_user(fan)) == ids for fan in away)
    # The other nodes' share of the batch is written all the same.
    consumer.wait_until(lambda: all(stored_ids(fan.pk) == ids for fan in there))

    redis_cluster.nodes[1].start()  # empty
    consumer.wait_until(
        lambda: 'feed_consumer_held{consumer="feed"} 0.0' in consumer.ask("/metrics")
    )
    ids.insert(0, create_post(user_id=alice.pk, content="after").pk)
    consumer.wait_until(lambda: all(stored_ids(fan.pk) == ids for fan in there))
    assert all(_page(as_user(fan)) == ids for fan in fans)
    assert _killed_no_record(consumer)


def test_a_replica_that_takes_over_has_every_post_that_was_delivered(
    redis_cluster: RedisCluster, fans: list[User], alice: User, consumer: Process
) -> None:
    ids = [Post.objects.get().pk]
    moved = _of(redis_cluster, 0, fans)
    redis_cluster.gives_up_after(SOON_MS)
    redis_cluster.nodes[0].stop()
    ids.insert(0, create_post(user_id=alice.pk, content="meanwhile").pk)
    wait_until(lambda: redis_cluster.nodes[3].is_primary, 60, "the replica to take over")

    def has_all() -> bool:
        try:
            contents = store.workers.peek(fan.pk for fan in fans)
        except StoreUnavailable:  # the others have not heard of it yet
            return False
        return all(set(contents[fan.pk].scores) == set(map(str, ids)) for fan in fans)

    consumer.wait_until(has_all)
    assert moved
    assert _killed_no_record(consumer)


@pytest.mark.usefixtures("redis_always_asked")
def test_what_must_outlive_a_node_is_not_done_before_its_replica_has_it(
    redis_cluster: RedisCluster, fans: list[User], settings: Settings
) -> None:
    use(redis_caches(redis_cluster.url, TimeLimits(redis_request=1)), settings)
    one = _of(redis_cluster, 0, fans)[0].pk
    jti = next(name for name in map(str, range(99)) if _lies_on_first(redis_cluster, name))
    make_ready(one)
    redis_cluster.nodes[3].freeze()
    assert store.requests.read(one, before=9, limit=9) is not None
    store.requests.remove([one], [1])
    session_cache.forget([jti])
    for _ in range(2):  # the second changes nothing on the node
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            store.requests.push({one: [1]})
    with pytest.raises(StoreUnavailable, match="TimeoutError"):
        store.requests.invalidate([one])
    with pytest.raises(RedisUnavailable, match="no replica"):
        session_cache.revoke({jti: 60})


def _lies_on_first(cluster: RedisCluster, jti: str) -> bool:
    return cluster.owner(f"auth:blacklist:{jti}") is cluster.nodes[0]
