"""Faults inside Redis and MariaDB."""

import time
from contextlib import ExitStack, closing, suppress

import MySQLdb
from environ import Env
from redis.exceptions import RedisError

from tests.faults.chaos_scene import Fault, Scene

SECONDS = 2


def flush_redis(scene: Scene) -> None:
    scene.service.redis.flushall()


def flush_redis_again_and_again(scene: Scene) -> None:
    """So that some feeds are just being built."""
    for _ in range(30):
        scene.service.redis.flushall()
        time.sleep(0.1)


def flush_scripts(scene: Scene) -> None:
    for _ in range(20):
        scene.service.redis.script_flush()
        time.sleep(0.1)


def kill_redis_clients(scene: Scene) -> None:
    for _ in range(10):
        with suppress(RedisError):  # we are one of them
            scene.service.redis.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.2)


def fill_redis(policy: str, share: float) -> Fault:
    """There is room for a share of the data there is, and no more."""

    def fault(scene: Scene) -> None:
        redis = scene.service.redis
        memory = redis.info("memory")
        limit = memory["used_memory"] - (1 - share) * memory["used_memory_dataset"]
        redis.config_set("maxmemory-policy", policy)
        redis.config_set("maxmemory", int(limit))
        try:
            time.sleep(SECONDS)
        finally:
            redis.config_set("maxmemory", 0)
            redis.config_set("maxmemory-policy", "noeviction")

    return fault


def kill_connections(scene: Scene) -> None:
    for _ in range(5):
        with _connection(scene) as connection:
            _kill_others(connection)
        time.sleep(0.3)


def _kill_others(connection: MySQLdb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
    for (id_,) in cursor.fetchall():
        with suppress(MySQLdb.OperationalError):  # gone by itself
            cursor.execute("KILL %s", (id_,))


def lock(select: str) -> Fault:
    """Somebody's transaction holds rows that every request needs."""

    def fault(scene: Scene) -> None:
        with _connection(scene) as connection:
            cursor = connection.cursor()
            cursor.execute(select)
            time.sleep(SECONDS)
            connection.rollback()

    return fault


def deadlock(scene: Scene) -> None:
    """Takes the locks of follows in the other order, again and again."""
    hot = scene.world.hot[0], scene.world.hot[-1]
    follows = "SELECT 1 FROM follows WHERE follower_id BETWEEN %s AND %s FOR UPDATE"
    users = "SELECT 1 FROM users WHERE id BETWEEN %s AND %s FOR UPDATE"
    with _connection(scene) as connection:
        cursor = connection.cursor()
        for _ in range(6):
            with suppress(MySQLdb.OperationalError):  # we are the victim
                cursor.execute(follows, hot)
                time.sleep(0.4)
                cursor.execute(users, hot)
            connection.rollback()


def take_all_connections(scene: Scene) -> None:
    with _connection(scene) as ours, ExitStack() as taken:
        _kill_others(ours)  # the service's, which keeps them for a minute
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                taken.enter_context(_connection(scene))
            except MySQLdb.OperationalError:  # there are no more; some may come free
                time.sleep(0.02)


def _connection(scene: Scene) -> "closing[MySQLdb.Connection]":
    server = Env.db_url_config(scene.service.stack.database_url)
    connection = MySQLdb.connect(
        host=server["HOST"],
        port=int(server["PORT"]),
        user=server["USER"],
        password=server["PASSWORD"],
        database=server["NAME"],
        connect_timeout=5,
    )
    return closing(connection)


STORE_FAULTS: dict[str, Fault] = {
    "Redis flushed": flush_redis,
    "Redis flushed 30 times": flush_redis_again_and_again,
    "Redis scripts flushed": flush_scripts,
    "Redis clients killed": kill_redis_clients,
    "Redis full": fill_redis("noeviction", 1),
    "Redis evicts": fill_redis("allkeys-random", 0.7),
    "MariaDB connections killed": kill_connections,
    "MariaDB users locked": lock("SELECT id FROM users FOR UPDATE"),
    "MariaDB outbox locked": lock("SELECT id FROM events_outboxevent FOR UPDATE"),
    "MariaDB deadlocks": deadlock,
    "MariaDB out of connections": take_all_connections,
}
