import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread, Timer

import pytest
from pytest_django.fixtures import Settings

from conftest import caches_at
from feeds import store
from feeds.store import FeedPage, FeedStore, StoreUnavailable
from feeds.tests.conftest import TOKEN, Away, RedisServer, make_ready, stored_ids
from newsfeed.redis import client as newsfeed_redis
from newsfeed.redis.client import RedisError
from newsfeed.time_limits import TimeLimits
from tests.deadline import assert_quick, wait_until

ANN, BEN = 1, 2
OPERATIONS: dict[str, Callable[[FeedStore], object]] = {
    "push": lambda feeds: feeds.push({ANN: [6], BEN: [6]}),
    "begin": lambda feeds: feeds.begin(BEN, TOKEN),
    "finish": lambda feeds: feeds.finish(ANN, TOKEN, FeedPage([5], 0)),
    "read": lambda feeds: feeds.read(ANN, before=9, limit=9),
    "remove": lambda feeds: feeds.remove([ANN, BEN], [5]),
    "invalidate": lambda feeds: feeds.invalidate([ANN, BEN]),
    "ping": lambda feeds: feeds.ping(),
}
WRITES = [name for name in OPERATIONS if name not in ("ping", "read")]


@pytest.fixture(params=OPERATIONS)
def operation(request: pytest.FixtureRequest) -> Callable[[FeedStore], object]:
    return OPERATIONS[request.param]


def _fails(operation: Callable[[FeedStore], object], feeds: FeedStore) -> None:
    with pytest.raises(StoreUnavailable):
        operation(feeds)


@pytest.mark.parametrize("feeds", [store.requests, store.workers], ids=["requests", "workers"])
def test_without_redis_every_operation_says_so(
    operation: Callable[[FeedStore], object], feeds: FeedStore, redis_away: Away
) -> None:
    operation(feeds)
    with redis_away():
        _fails(operation, feeds)


@pytest.mark.parametrize("name", OPERATIONS)
def test_requests_do_not_ask_a_redis_that_has_just_failed(
    name: str, redis_away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newsfeed_redis.breaker, "open_seconds", 60)
    with redis_away():
        for _ in range(newsfeed_redis.breaker.minimum):
            _fails(OPERATIONS["remove"], store.requests)
    OPERATIONS[name](store.workers)
    if name == "ping":  # what tells readiness must not come from memory
        store.requests.ping()
    else:
        _fails(OPERATIONS[name], store.requests)


@pytest.mark.usefixtures("redis_always_asked")
def test_a_redis_that_went_and_came_is_used_again(redis_server: RedisServer) -> None:
    make_ready(ANN, [5])
    redis_server.stop()
    for operation in OPERATIONS.values():
        _fails(operation, store.requests)
    redis_server.start()
    make_ready(ANN, [6])
    assert stored_ids(ANN) == [6]


@pytest.mark.usefixtures("redis_always_asked")
def test_a_request_does_not_wait_for_a_redis_that_hangs(
    redis_server: RedisServer, settings: Settings
) -> None:
    make_ready(ANN, [5])
    settings.CACHES = caches_at(TimeLimits(), netloc=f"127.0.0.1:{redis_server.port}")
    redis_server.freeze()
    for operation in OPERATIONS.values():
        assert_quick(partial(_fails, operation, store.requests), 0.6)


@pytest.mark.usefixtures("redis_always_asked")
def test_a_late_answer_does_not_meet_the_next_caller(redis_server: RedisServer) -> None:
    make_ready(ANN, [5])
    make_ready(BEN, [6])
    store.requests.push({ANN: [5]})
    redis_server.freeze()
    _fails(OPERATIONS["read"], store.requests)
    _fails(OPERATIONS["push"], store.requests)
    redis_server.thaw()
    for _ in range(3):
        assert store.requests.read(BEN, before=9, limit=1) == FeedPage([6], 0)


def test_a_worker_waits_longer(redis_server: RedisServer) -> None:
    make_ready(ANN, [5])
    redis_server.freeze()
    thaw = Timer(0.7, redis_server.thaw)
    thaw.start()
    assert stored_ids(ANN) == [5]
    thaw.join()


def _is_full(server: RedisServer, folder: Path) -> None:
    store.workers._redis.connection.config_set("maxmemory", "1")


def _is_a_replica(server: RedisServer, folder: Path) -> None:
    store.workers._redis.connection.replicaof("127.0.0.1", "1")


def _lacks_replicas(server: RedisServer, folder: Path) -> None:
    store.workers._redis.connection.config_set("min-replicas-to-write", "1")


def _cannot_save(server: RedisServer, folder: Path) -> None:
    """Stands for a full disk: Redis then refuses writes."""
    redis = store.workers._redis.connection
    (folder / "dump.rdb").mkdir()
    redis.config_set("save", "3600 1")
    redis.bgsave()
    deadline = time.monotonic() + 60
    while redis.info("persistence")["rdb_last_bgsave_status"] == "ok":
        assert time.monotonic() < deadline


def _is_busy(server: RedisServer, folder: Path) -> None:
    """With somebody's script that does not end."""
    redis = store.workers._redis.connection
    redis.config_set("busy-reply-threshold", "1")

    def run() -> None:
        with suppress(RedisError):
            redis.eval("while true do end", 0)

    Thread(target=run, daemon=True).start()
    wait_until(lambda: "BUSY" in _answer_to_ping(server), 60, "Redis is busy")


def _answer_to_ping(server: RedisServer) -> str:
    with socket.create_connection(("127.0.0.1", server.port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(100).decode()


@pytest.mark.parametrize(
    ("breaks", "operation"),
    [
        *((_is_full, name) for name in ("push", "begin")),
        *((_is_a_replica, name) for name in [*WRITES, "read"]),
        *((_lacks_replicas, name) for name in [*WRITES, "read"]),
        *((_cannot_save, name) for name in [*WRITES, "read"]),
        *((_is_busy, name) for name in [*WRITES, "read"]),
    ],
)
def test_a_redis_that_cannot_write_is_as_good_as_away(
    redis_server: RedisServer,
    tmp_path: Path,
    breaks: Callable[[RedisServer, Path], None],
    operation: str,
) -> None:
    make_ready(ANN, [5])
    OPERATIONS["ping"](store.requests)
    store.workers.invalidate([ANN])
    if operation != "begin":
        store.workers.begin(ANN, TOKEN)
    if operation == "read":
        store.workers.finish(ANN, TOKEN, FeedPage([5], 0))
    breaks(redis_server, tmp_path)
    _fails(OPERATIONS[operation], store.requests)
    _fails(OPERATIONS[operation], store.workers)
