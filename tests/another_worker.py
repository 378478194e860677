"""A worker beside the service's own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dev.control import ROOT, Control


@contextmanager
def another_worker(
    stack: Control, *command: str, env: Mapping[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """Runs this command of manage.py; killed at the end of the block if it runs still."""
    with (
        (stack.state / "log" / f"another-{command[0]}.log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=os.environ | stack.env | dict(env or {}),
            stderr=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()
