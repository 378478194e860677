"""The programs that check manifests. A missing one is an error, never a reason to skip."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.k8s.rendering import ROOT

PATH = os.pathsep.join([str(ROOT / ".venv-k8s" / "bin"), os.environ["PATH"], "/usr/sbin"])


def program(name: str) -> str:
    """Its path; raises AssertionError when it is not installed."""
    path = shutil.which(name, path=PATH)
    assert path, f"{name} is missing; `bin/setup k8s` installs it"
    return path


def run(
    name: str, *arguments: str | Path, ok: Sequence[int] = (0,)
) -> "subprocess.CompletedProcess[str]":
    """Raises AssertionError with what it says when it ends with another status."""
    done = subprocess.run(
        [program(name), *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in ok, done.stdout + done.stderr
    return done
