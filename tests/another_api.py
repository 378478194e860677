"""An API beside the service's own, with other settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException

from conftest import free_port
from dev.control import ROOT
from tests.deadline import wait_until
from tests.processes import end
from tests.running import Service


@contextmanager
def another_api(service: Service, name: str, env: dict[str, str]) -> Iterator[str]:
    """Its URL. The environment comes on top of the service's own."""
    port = free_port()
    own = {
        "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_METRICS_BIND": f"127.0.0.1:{free_port()}",
    }
    log = service.stack.state / "log" / f"{name}.log"
    with log.open("wb") as out:
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn"],
            cwd=ROOT,
            env=os.environ | service.stack.env | own | env,
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: _pings(port), 90, "the API answers", log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(gunicorn)


def _pings(port: int) -> bool:
    with (
        suppress(OSError, HTTPException),
        closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
    ):
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    return False
