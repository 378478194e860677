"""When is a program of the stack ready? Not when its port is open: when it answers."""

import urllib.request
from collections.abc import Mapping

import MySQLdb
from environ import Env
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from redis import Redis
from redis.exceptions import RedisError

from dev.ports import Ports

SECONDS = 5
"""After which it is asked again."""


def is_ready(name: str, ports: Ports, env: Mapping[str, str]) -> bool:
    """`env`: the settings of the project for this stack."""
    try:
        match name:
            case "mariadb":
                connect_database(env["DATABASE_URL"])
                return True
            case "redis":
                return _redis_answers(env["REDIS_URL"])
            case "kafka":
                return _kafka_answers(ports.kafka)
            case "api" | "web":
                return _web_answers(getattr(ports, name), "/readyz")
            case _:
                return _web_answers(getattr(ports, name), "/livez")
    except (OSError, MySQLdb.Error, RedisError, KafkaError):
        return False


def connect_database(url: str) -> None:
    """Raises what MySQLdb says when the server does not let us in."""
    server = Env.db_url_config(url)
    MySQLdb.connect(
        host=server["HOST"],
        port=int(server["PORT"] or 3306),
        user=server["USER"],
        password=server["PASSWORD"],
        connect_timeout=SECONDS,
    ).close()


def _redis_answers(url: str) -> bool:
    with Redis.from_url(url, socket_timeout=SECONDS, retry=None) as redis:
        return bool(redis.ping())


def _kafka_answers(port: int) -> bool:
    admin = KafkaAdminClient(
        bootstrap_servers=f"127.0.0.1:{port}", bootstrap_timeout_ms=1000 * SECONDS
    )
    try:
        return bool(admin.describe_cluster())
    finally:
        admin.close()


def _web_answers(port: int, path: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        return bool(answer.status == 200)
