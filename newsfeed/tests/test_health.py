from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework.test import APIClient

from conftest import caches_at, free_port
from newsfeed import health
from newsfeed.tests.conftest import Away

READY = {"status": "ok", "mysql": "ok", "redis": "ok", "kafka": "ok"}


@pytest.fixture
def redis_away() -> Away:
    @contextmanager
    def away() -> Iterator[None]:
        with override_settings(CACHES=caches_at(netloc=f"127.0.0.1:{free_port()}")):
            yield

    return away


def test_a_ping_is_answered_with_a_pong(client: APIClient) -> None:
    response = client.get("/ping")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {"message": "pong"}


# There is no `db` here: a query would fail.
@pytest.mark.parametrize("path", ["/livez", "/ping"])
def test_who_asks_for_life_asks_nobody_else(
    client: APIClient,
    kafka_away: Away,
    redis_away: Away,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(health, "_check", asked.append)
    client.get("/readyz")
    assert len(asked) == 3
    with kafka_away(), redis_away():
        assert client.get(path).status_code == 200
    assert len(asked) == 3


def test_a_service_with_all_it_needs_is_ready(client: APIClient, db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, READY)
    assert [query["sql"] for query in queries] == ["SELECT 1"]


def test_without_kafka_it_is_ready_and_tells(client: APIClient, db: None, kafka_away: Away) -> None:
    with kafka_away():
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == READY | {"kafka": "BrokerUnavailable"}
    assert client.get("/readyz").json() == READY


def test_without_redis_it_is_not_ready(client: APIClient, db: None, redis_away: Away) -> None:
    with redis_away():
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == READY | {"status": "unavailable", "redis": "StoreUnavailable"}
    assert client.get("/readyz").status_code == 200


def test_to_who_can_do_without_redis_it_is_ready(
    client: APIClient, db: None, redis_away: Away
) -> None:
    with redis_away():
        response = client.get("/readyz?optional=redis")
        assert client.get("/readyz?optional=mysql").status_code == 503
    assert (response.status_code, response.json()) == (200, READY | {"redis": "StoreUnavailable"})


def test_without_mysql_it_is_not_ready(client: APIClient, mysql_away: Away) -> None:
    with mysql_away():
        response = client.get("/readyz")
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz?optional=redis").status_code == 503
    assert response.status_code == 503
    assert response.json() == READY | {"status": "unavailable", "mysql": "OperationalError"}
    assert client.get("/readyz").status_code == 200


def test_a_server_that_is_away_is_named_without_its_address(
    client: APIClient, mysql_away: Away
) -> None:
    with mysql_away():
        assert b"127.0.0.1" not in client.get("/readyz").content


@pytest.mark.parametrize("path", ["/ping", "/livez", "/readyz"])
def test_get_and_head_are_answered_and_the_rest_is_a_problem(
    client: APIClient, db: None, path: str
) -> None:
    assert client.get(path).status_code == client.head(path).status_code == 200
    assert client.head(path).content == b""
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        response = client.generic(method, path)
        assert response.status_code == response.json()["status"] == 405
        assert response.headers["Content-Type"] == "application/problem+json"
