"""However many processes answer, exactly the limit is admitted."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException

import pytest

from conftest import free_port
from dev.control import ROOT
from tests.client import Person
from tests.deadline import wait_until
from tests.running import Service

REPEATS = int(os.environ.get("LIMITER_REPEATS", "2"))
LIMIT, REQUESTS, CLIENTS, WORKERS = 100, 600, 32, 4


@pytest.fixture
def api(service: Service) -> Iterator[str]:
    """The URL of an API of four processes, with the limits that it has by default."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name != "RATE_LIMITS"}
    env |= service.stack.env | {"WEB_BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": str(WORKERS)}
    env["WEB_METRICS_BIND"] = f"127.0.0.1:{free_port()}"
    log = service.stack.state / "log" / "rate-limit.log"
    with log.open("wb") as out:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"], cwd=ROOT, env=env, stdout=out, stderr=out
        )
    try:
        wait_until(lambda: _pings(port), 30, "the API answers", log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        gunicorn.terminate()
        gunicorn.wait(30)


def _pings(port: int) -> bool:
    with (
        suppress(OSError, HTTPException),
        closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
    ):
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    return False


def test_of_600_requests_by_32_clients_to_4_processes_exactly_100_are_admitted(
    service: Service, api: str
) -> None:
    for user_id in service.database.add_users(REPEATS):
        person = Person(api, user_id, service.token(user_id))
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(
                clients.map(lambda _, p=person: p.call("GET", "/feed/"), range(REQUESTS))
            )
        statuses = Counter(answer.status for answer in answers)
        assert statuses == {200: LIMIT, 429: REQUESTS - LIMIT}
        seconds = sum(answer.seconds for answer in answers) / CLIENTS
        assert seconds < 60, "so long that the window has moved on"
