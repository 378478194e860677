"""The init container that waits for tables ends when its pod does, which happens in mid-wait."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deadline import assert_quick, wait_until
from tests.k8s.objects import workload
from tests.k8s.rendering import manifests_of

CHECK = """#!/bin/sh
echo "$@" >>"$0.log"
{then}
"""


def _start(folder: Path, then: str) -> "subprocess.Popen[bytes]":
    """With a Python that notes what it is asked for, and then does that."""
    python = folder / "python"
    python.write_text(CHECK.format(then=then))
    python.chmod(0o755)
    [container] = workload(manifests_of("local"), "relay").pod["initContainers"]
    env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.Popen(container["command"], env=env, start_new_session=True)


@pytest.mark.parametrize("then", ["exec sleep 600", "exit 1"], ids=["asking", "between"])
def test_it_ends_at_once_when_it_is_told_to(tmp_path: Path, then: str) -> None:
    def begin_and_end() -> None:
        waiting = _start(tmp_path, then)
        try:
            wait_until((tmp_path / "python.log").exists, 60, "a first question")
            waiting.terminate()
            # By itself: as the first process of a container it does not die of a signal.
            assert waiting.wait(20) == 143
        finally:
            with suppress(ProcessLookupError):
                os.killpg(waiting.pid, signal.SIGKILL)
            (tmp_path / "python.log").unlink()

    assert_quick(begin_and_end, 2)


@pytest.mark.parametrize(("then", "asked"), [("exit 0", 1), ('[ -e "$0.2" ] || ! touch "$0.2"', 2)])
def test_it_asks_until_the_tables_are_there(tmp_path: Path, then: str, asked: int) -> None:
    assert _start(tmp_path, then).wait(60) == 0
    assert (tmp_path / "python.log").read_text() == "manage.py migrate --check\n" * asked
