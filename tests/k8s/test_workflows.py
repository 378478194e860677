"""What the workflows' steps do: their scripts, run as GitHub's runner runs them."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.rendering import ROOT

IMAGE: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())


def _script(job: str, last: str) -> str:
    """Of the step that has this in its script."""
    [script] = [s["run"] for s in IMAGE["jobs"][job]["steps"] if last in s.get("run", "")]
    return str(script)


def _run(script: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """By the shell that a step has if it names none: it ends with an error, but not in a pipe."""
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("event", "version", "status", "tag"),
    [
        ("workflow_dispatch", "release-20261120", 0, "tag=release-20261120\n"),
        ("workflow_dispatch", "20261120", 1, ""),
        ("push", "", 0, "tag=hotfix-login-"),
    ],
)
def test_a_refused_version_ends_the_build(
    tmp_path: Path, event: str, version: str, status: int, tag: str
) -> None:
    output = tmp_path / "output"
    env = {"EVENT": event, "VERSION": version, "BRANCH": "hotfix/login"}
    env |= {"REPOSITORY": "Somebody/Feed", "GITHUB_OUTPUT": str(output)}
    done = _run(_script("build", "image-tag"), ROOT, **env)
    assert done.returncode == status, done.stderr
    image, _, rest = output.read_text().partition("\n")
    assert image == "image=ghcr.io/somebody/feed"
    assert rest.startswith(tag)
    assert bool(rest) is bool(tag)
