import gc
import math
import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone
from django_redis import get_redis_connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from kafka import TopicPartition
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from accounts import keys, revocation
from accounts.models import User
from accounts.services import create_user
from accounts.tokens import issue_tokens
from newsfeed.api import limits
from newsfeed.kafka import producer, topic_admin
from newsfeed.redis.settings import caches as redis_caches
from newsfeed.time_limits import TimeLimits
from tests.broker import Broker
from tests.depth import IS_DEEP
from tests.names import REDIS_PATH, own
from tests.pipeline import Pipeline
from tests.time_limits import PATIENT, patience, redis_always_asked, set_limits

__all__ = ["Broker", "Pipeline", "Redis", "TopicPartition", "caches_at", "free_port"]
__all__ += ["patience", "redis_always_asked", "set_limits"]

pytest_plugins = ["tests.redis_cluster", "tests.scheduling"]

PASSWORD = "correct horse battery staple"  # noqa: S105


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python leaves sockets to the garbage collector: those of attempts that failed, and
    # now and then one to the broker.
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "").rpartition(":")[2]
    # One whose peer has reset it has no raddr any more.
    reset = r"laddr=\('127.0.0.1', \d+\)>"
    for address in (r"laddr=\('0.0.0.0'", rf"raddr=\('127.0.0.1', {kafka}\)", reset):
        unclosed = f"ignore:unclosed <socket.* {address}:ResourceWarning"
        config.addinivalue_line("filterwarnings", unclosed)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # the same, kept so long by what pytest knows of the tests


# A busy machine is no bug.
hypothesis_settings.register_profile(
    "newsfeed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # The same examples at each run, but for `make test-deep`.
    derandomize=not (IS_DEEP or "MODEL_EXAMPLES" in os.environ),
)
hypothesis_settings.load_profile("newsfeed")


@pytest.fixture(autouse=True)
def _test_settings(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path  # whitenoise warns when there is none
    # The real hasher takes a third of a second, on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def password() -> str:
    """Everybody's password."""
    return PASSWORD


@pytest.fixture
def alice(db: None) -> User:
    return _user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return _user("bob")


@pytest.fixture
def carol(db: None) -> User:
    return _user("carol")


def _user(username: str) -> User:
    return create_user(
        username=username,
        password_hash=make_password(PASSWORD),
        display_name=username.capitalize(),
    )


@pytest.fixture
def client() -> APIClient:
    """Somebody without a token."""
    return APIClient()


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    def log_in(user: User) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user)['access']}")
        return client

    return log_in


@pytest.fixture
def as_alice(alice: User, as_user: Callable[[User], APIClient]) -> APIClient:
    return as_user(alice)


@pytest.fixture
def as_bob(bob: User, as_user: Callable[[User], APIClient]) -> APIClient:
    return as_user(bob)


@pytest.fixture
def explain() -> Callable[[Callable[[], object]], str]:
    """What MySQL says about each query of a read, one plan a line."""

    def run(read: Callable[[], object]) -> str:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read()
        with connection.cursor() as cursor:
            plans = []
            for query in queries.captured_queries:
                if query["sql"].lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
                    cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {query['sql']}")
                    plans += cursor.fetchall()
        return "\n".join(map(str, plans))

    return run


@pytest.fixture(scope="session", autouse=True)
def _own_names() -> Iterator[None]:
    """Others than those of a stack that runs on the same servers."""
    with override_settings(
        CACHES=caches_at(path=REDIS_PATH),
        TIME_LIMITS=PATIENT,
        KAFKA_TOPIC_PREFIX=own(""),
        KAFKA_CONSUMER_GROUP=own("consume_feed"),
    ):
        yield


def caches_at(limits: TimeLimits = PATIENT, **url_parts: str) -> dict[str, Any]:
    """The caches of the settings, on another Redis."""
    return redis_caches(urlsplit(django_settings.REDIS_URL)._replace(**url_parts).geturl(), limits)


@pytest.fixture(autouse=True)
def redis() -> Redis:
    """Empty at the beginning of every test."""
    connection: Redis = get_redis_connection("worker")
    connection.flushdb()
    return connection


@pytest.fixture(autouse=True)
def _fresh_process() -> None:
    """The keys of the test before were rolled back. And nothing is revoked but by the test, so a
    second that passes adds no query: what it revokes makes its process ask MySQL again."""
    keys.ring.reset()
    limits.memory.reset()
    revocation.lease.until = math.inf


_given: set[int] = set()
_giving = threading.Lock()


def free_port() -> int:
    """Of 127.0.0.1; nobody listens there for now. Linux draws them, and some of them again."""
    with _giving:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            if port not in _given:
                _given.add(port)
                return port


@pytest.fixture(scope="session")
def _broker(_own_names: None) -> Iterator[Broker]:
    topic_admin.ensure_topics()
    broker = Broker()
    broker.skip_to_end()
    producer.warm()
    yield broker
    broker.close()
    producer.close()


@pytest.fixture
def broker(_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Kafka, with topics; its `records` are those that the test itself has sent.

    Tests call today's topics by name, so no midnight comes while one runs.
    """
    today = timezone.localdate()
    monkeypatch.setattr(timezone, "localdate", lambda: today)
    _broker.mark()
    return _broker


NEW_PREFIX, NEW_GROUP = own("new-"), own("new")


@pytest.fixture
def new_topics(broker: Broker, settings: Settings) -> Iterator[None]:
    """Names of topics that do not exist, removed in the end."""
    settings.KAFKA_TOPIC_PREFIX, settings.KAFKA_CONSUMER_GROUP = NEW_PREFIX, NEW_GROUP
    settings.KAFKA_PARTITIONS = 3
    broker.delete(NEW_PREFIX)
    yield
    broker.delete(NEW_PREFIX)
    producer.close()  # it would ask for them again and again
    producer.current.reset()


@pytest.fixture(scope="session")
def _pipeline(_broker: Broker) -> Iterator[Pipeline]:
    """One for all tests: a consumer needs a third of a second to join its group."""
    pipeline = Pipeline(_broker)
    yield pipeline
    pipeline.close()


@pytest.fixture
def pipeline(_pipeline: Pipeline, transactional_db: None, redis: Redis) -> Iterator[Pipeline]:
    """Settles at the end too: ids begin anew, and a record must not meet the next test's."""
    _pipeline.settle()
    redis.flushdb()
    yield _pipeline
    _pipeline.settle()


@pytest.fixture
def kafka_away() -> Callable[[], AbstractContextManager[None]]:
    """A block in which nobody listens where Kafka should be."""

    @contextmanager
    def away() -> Iterator[None]:
        producer.close()
        producer.current.reset()
        servers = [f"127.0.0.1:{free_port()}"]
        with override_settings(KAFKA_BOOTSTRAP_SERVERS=servers, TIME_LIMITS=TimeLimits()):
            yield
        if dead := producer.current.producer:  # a close that cannot flush leaves the thread behind
            dead._sender.force_close()
        producer.current.reset()
        if topic_admin.topic_states():
            producer.warm()

    return away
