"""What Prometheus gets of an API with several worker processes."""

import http.client
import os
import signal
import socket
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.workers.workertmp import WorkerTmp

from newsfeed.server import hooks
from tests.deadline import wait_until
from tests.gunicorn import Gunicorn

REQUESTS = "django_http_requests_before_middlewares_total"
# At 0 from the start, or a rate misses the first of them ("Avoid missing metrics" in the manual
# of Prometheus).
NOT_YET = [
    *(f'feed_read_source_total{{source="{source}"}}' for source in ("redis", "rebuild", "db")),
    *(f'feed_db_reads_total{{source="{source}"}}' for source in ("primary", "replica")),
    *(f'feed_outbox_published_total{{by="{by}"}}' for by in ("request", "relay")),
    *(
        f'feed_limiter_decisions_total{{by="{by}",outcome="{outcome}"}}'
        for by, outcome in product(("redis", "process"), ("admitted", "refused"))
    ),
]


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(tmp_path, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics"))
    gunicorn.start()
    try:
        gunicorn.wait_until_ready()
        yield gunicorn
    finally:
        gunicorn.end()


def _get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def _workers(gunicorn: Gunicorn) -> list[int]:
    children = Path(f"/proc/{gunicorn.process.pid}/task/{gunicorn.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def test_metrics_are_on_a_port_that_the_public_one_does_not_have(gunicorn: Gunicorn) -> None:
    status, metrics = _get(gunicorn.metrics_port, "/metrics")
    assert status == 200
    for name in ("feed_read_source", "feed_outbox_published", "feed_breaker_opened"):
        assert f"# TYPE {name}_total counter" in metrics
    assert [series for series in NOT_YET if f"{series} 0.0" not in metrics] == []
    assert 'django_http_requests_total_by_method_total{method="GET"}' in metrics
    assert _get(gunicorn.port, "/metrics")[0] == 404


def test_all_workers_are_counted_and_a_scrape_is_not(gunicorn: Gunicorn, tmp_path: Path) -> None:
    before = gunicorn.metric(REQUESTS)
    files = {tmp_path / "metrics" / f"counter_{pid}.db" for pid in _workers(gunicorn)}
    assert len(files) == 2
    sent, deadline = 0, time.monotonic() + 60
    # One of the two may need longer to start.
    while sent < 40 or not all(file.exists() for file in files):
        assert time.monotonic() < deadline
        assert _get(gunicorn.port, "/ping")[0] == 200
        sent += 1
    assert gunicorn.metric(REQUESTS) == before + sent
    assert gunicorn.metric(REQUESTS) == before + sent


def test_clients_make_no_metrics_by_inventing_methods_and_paths(gunicorn: Gunicorn) -> None:
    """Each would stay, in the memory of a worker and in its file, for as long as it runs."""

    def series(name: str) -> set[str]:
        for path in ("/ping", f"/{name}", "/api/v1/posts/7/", f"/api/v1/users/{name}/"):
            assert _get(gunicorn.port, path, method=name)[0] in (401, 404, 405)
        lines = _get(gunicorn.metrics_port, "/metrics")[1].splitlines()
        # As a set: a worker that answers for the first time changes the order.
        return {line.rpartition(" ")[0] for line in lines if 'method="' in line}

    first = series("FIRST")
    assert first
    for n in range(10):
        assert series(f"MORE{n}") == first


def test_what_a_killed_worker_counted_stays_and_its_state_goes(
    gunicorn: Gunicorn, tmp_path: Path
) -> None:
    for _ in range(10):
        _get(gunicorn.port, "/ping")
    before, killed = gunicorn.metric(REQUESTS), _workers(gunicorn)[0]
    state = tmp_path / "metrics" / f"gauge_livemax_{killed}.db"
    state.write_bytes(bytes(8))  # as after a replay in the admin, which sets gauges
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not state.exists(), 60, "the master has forgotten the worker's state")
    assert gunicorn.metric(REQUESTS) >= before


def test_a_new_run_counts_from_nought_and_has_the_port_at_once(gunicorn: Gunicorn) -> None:
    for _ in range(20):
        _get(gunicorn.port, "/ping")
    assert gunicorn.metric(REQUESTS) > 20
    gunicorn.end(signal.SIGKILL)
    # The workers notice, and meanwhile they hold the API's port, but not this one.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", gunicorn.metrics_port))
        probe.listen()
    gunicorn.start()
    gunicorn.wait_until_ready()
    assert gunicorn.metric(REQUESTS) < 20


def test_the_master_tells_that_it_has_a_worker_that_turns(gunicorn: Gunicorn) -> None:
    status, line = _get(gunicorn.metrics_port, "/livez")
    assert status == 200
    assert line.startswith("a worker's last turn was ")


def test_a_master_whose_workers_all_stand_still_is_not_alive() -> None:
    turns, begins, ended = (WorkerTmp(Config()) for _ in "123")
    ended.close()
    workers = {n: SimpleNamespace(tmp=tmp) for n, tmp in enumerate((turns, begins, ended))}
    master = SimpleNamespace(timeout=30, WORKERS=workers)
    assert not hooks.liveness(master)[0]
    turns.notify()
    assert hooks.liveness(master)[0]
    os.utime(turns.fileno(), (time.monotonic() - 61,) * 2)
    assert not hooks.liveness(master)[0]
    turns.notify()
    assert hooks.liveness(master)[0]
    workers.clear()
    assert not hooks.liveness(master)[0]
    turns.close()
    begins.close()


def test_a_worker_that_turns_while_it_is_asked_about_lives() -> None:
    worker = SimpleNamespace(tmp=SimpleNamespace(last_update=time.monotonic))
    assert hooks.liveness(SimpleNamespace(timeout=30, WORKERS={1: worker}))[0]


def test_a_metrics_port_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        gunicorn = Gunicorn(tmp_path, WEB_METRICS_BIND=taken)
        gunicorn.start()
        assert gunicorn.process.wait(60) == 1
    assert f"Cannot serve /metrics on {taken}: " in gunicorn.log()
