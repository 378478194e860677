"""However many processes answer, exactly the limit is admitted."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.another_api import another_api
from tests.client import Answer, Person
from tests.running import Service

REPEATS = int(os.environ.get("LIMITER_REPEATS", "2"))
LIMIT, REQUESTS, CLIENTS, WORKERS = 100, 600, 32, 4


@pytest.fixture
def api(service: Service) -> Iterator[str]:
    """The URL of an API of four processes, with the limits that it has by default."""
    env = {"WEB_CONCURRENCY": str(WORKERS), "RATE_LIMITS": ""}
    with another_api(service, "rate-limit", env) as url:
        yield url


def test_of_600_requests_by_32_clients_to_4_processes_exactly_100_are_admitted(
    service: Service, api: str
) -> None:
    first, *users = service.database.add_users(1 + REPEATS)
    # A process that cannot connect to Redis in a quarter of a second counts by itself.
    _ask(service, api, first)
    for user_id in users:
        answers = _ask(service, api, user_id)
        statuses = Counter(answer.status for answer in answers)
        assert statuses == {200: LIMIT, 429: REQUESTS - LIMIT}
        seconds = sum(answer.seconds for answer in answers) / CLIENTS
        assert seconds < 60, "so long that the window has moved on"


def _ask(service: Service, api: str, user_id: int) -> list[Answer]:
    person = Person(api, user_id, service.token(user_id))
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda _: person.call("GET", "/feed/"), range(REQUESTS)))
