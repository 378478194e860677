"""A pair of MariaDBs and an API on them, for all tests of this folder."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from tests.flows.replica.api import CAP, Api
from tests.gunicorn import Gunicorn
from tests.replicated_mariadb import Pair
from tests.running import Service


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.stop()


@pytest.fixture(scope="package")
def env(service: Service, pair: Pair) -> dict[str, str]:
    """With a Redis of its own, as the ids in its MariaDB are others."""
    return {
        "DATABASE_URL": pair.primary.url,
        "DATABASE_REPLICA_URL": pair.replica.url,
        "REDIS_URL": urlsplit(service.stack.env["REDIS_URL"])._replace(path="/7").geturl(),
        "KAFKA_TOPIC_PREFIX": "replica-",
        "FEED_MAX_LENGTH": str(CAP),
        "WEB_CONCURRENCY": "1",
        # Another one could connect at any time, and each connection asks for some things itself.
        "WEB_THREADS": "1",
    }


@pytest.fixture(scope="package")
def _api(
    service: Service, pair: Pair, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    gunicorn = Gunicorn(tmp_path_factory.mktemp("api"), **env)
    gunicorn.migrate()
    gunicorn.start()
    try:
        gunicorn.wait_until_ready()
        api = Api(service.stack, pair, gunicorn)
        api.redis.close()
        api.redis = redis.Redis.from_url(env["REDIS_URL"])
        yield api
        api.redis.close()
    finally:
        gunicorn.end()


@pytest.fixture
def api(_api: Api) -> Api:
    """Its reads are the replica's, and Redis is empty."""
    _api.redis.flushdb()
    _api.returns_to_replica(*_api.people(1))
    return _api
