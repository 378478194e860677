"""However many processes answer, exactly the limit is admitted."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.client import Answer, Person
from tests.gunicorn import another_api
from tests.running import Service

REPEATS = int(os.environ.get("LIMITER_REPEATS", "2"))
LIMIT, REQUESTS, CLIENTS, WORKERS = 100, 600, 32, 4
TRIES = 5


@pytest.fixture
def api(service: Service) -> Iterator[str]:
    """The URL of an API of four processes, with the limits that it has by default."""
    env = {"WEB_CONCURRENCY": str(WORKERS), "RATE_LIMITS": ""}
    with another_api(service, env) as url:
        yield url


def test_of_600_requests_by_32_clients_to_4_processes_exactly_100_are_admitted(
    service: Service, api: str
) -> None:
    for _ in range(REPEATS):
        tries = (_undisturbed(service, api) for _ in range(TRIES))
        statuses = next(filter(None, tries), None)
        assert statuses == {200: LIMIT, 429: REQUESTS - LIMIT}


def _undisturbed(service: Service, api: str) -> Counter[int] | None:
    """The statuses of what one user asks; nothing if it took so long that the window moved on, or
    if a process counted by itself, as one does that does not hear from Redis in a quarter of a
    second, or if MySQL was too slow."""
    (user_id,) = service.database.add_users(1)
    began = time.monotonic()
    answers = _ask(service, api, user_id)
    is_in_time = time.monotonic() - began < 60
    by_redis = all(answer.headers["RateLimit-Limit"] == f"{LIMIT}" for answer in answers)
    statuses = Counter(answer.status for answer in answers)
    return statuses if is_in_time and by_redis and not statuses[503] else None


def _ask(service: Service, api: str, user_id: int) -> list[Answer]:
    person = Person(api, user_id, service.token(user_id))
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda _: person.call("GET", "/feed/"), range(REQUESTS)))
