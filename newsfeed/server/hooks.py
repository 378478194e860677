"""What gunicorn calls while it starts, forks and ends: metrics and liveness of all its workers."""

import math
import os
import resource
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from gunicorn.util import parse_address

FILES = 4096
"""Open files of a process, if the system allows as many."""

# Each worker writes its metrics into files here, and /metrics adds them up.
_own_folder = Path(tempfile.gettempdir()) / f"newsfeed-metrics-{os.getpid()}"
_metrics = Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or _own_folder)
_servers: list[Any] = []


def on_starting(_server: object) -> None:
    allow_files()
    shutil.rmtree(_metrics, ignore_errors=True)  # what a former run counted
    _metrics.mkdir(parents=True, exist_ok=True)  # a mounted folder is emptied, but stays
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def allow_files() -> None:
    """Many systems allow 1,024. A worker has up to 1,000 clients, and connections to servers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if hard < 0 else min(FILES, hard), hard))


def when_ready(server: Any) -> None:
    """The master answers for all workers: a scrape or a probe takes none of their threads."""
    # These read PROMETHEUS_MULTIPROC_DIR when they are imported.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    from newsfeed import settings  # noqa: PLC0415
    from newsfeed.workers.metrics_server import MetricsServer  # noqa: PLC0415

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    # On a port of their own: what the public may ask has no /metrics.
    host, port = parse_address(settings.WEB_METRICS_BIND)
    try:
        metrics = MetricsServer(host, port, lambda: liveness(server), registry)
    except (OSError, OverflowError) as error:
        raise SystemExit(
            f"Cannot serve /metrics on {settings.WEB_METRICS_BIND}: {error}"
        ) from error
    metrics.start()
    _servers.append(metrics)


def liveness(server: Any) -> tuple[bool, str]:
    """Whether any worker turns its loop, as it also does while all its threads wait for MySQL.

    The master replaces a worker that has not for `timeout`. So if none has for twice as long, the
    master itself does nothing any more.
    """
    ages = [math.inf]
    for worker in list(server.WORKERS.values()):
        with suppress(OSError, ValueError):  # it has just ended
            turned = worker.tmp.last_update()
            # Before the first turn it is the date at which the file was made, so far ahead.
            if (age := time.monotonic() - turned) >= 0:
                ages.append(age)
    return min(ages) < 2 * server.timeout, f"a worker's last turn was {min(ages):.1f} s ago"


def post_fork(_server: object, _worker: object) -> None:
    for server in _servers:
        server.socket.close()  # or a worker that outlives its master would hold the port


def post_worker_init(_worker: object) -> None:
    """The first post should not wait for the first connection to Kafka; nor do we, here."""
    # These need Django, which is set up by now.
    from django.conf import settings  # noqa: PLC0415

    from newsfeed import process  # noqa: PLC0415
    from newsfeed.kafka import producer  # noqa: PLC0415

    limits = settings.TIME_LIMITS
    process.prepare(limits.database_request, limits.replica_request)
    Thread(target=producer.warm, name="warm-producer", daemon=True).start()


def child_exit(_server: object, worker: Any) -> None:
    # It reads PROMETHEUS_MULTIPROC_DIR when it is imported.
    from prometheus_client import multiprocess  # noqa: PLC0415

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: object) -> None:
    shutil.rmtree(_own_folder, ignore_errors=True)
