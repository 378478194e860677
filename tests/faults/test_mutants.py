"""The planted bugs of `make mutants` must not rot as the code they break changes."""

import ast
import subprocess
from pathlib import Path

import pytest

from dev.control import ROOT
from tests.faults.mutants.__main__ import PATCHES, killers


def test_there_are_patches() -> None:
    assert len(PATCHES) >= 12


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_a_bug_can_be_planted_and_its_tests_are_there(patch: Path) -> None:
    done = subprocess.run(
        ["git", "apply", "--check", patch], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert patch.read_text().startswith("Breaks I")
    assert killers(patch)
    for killer in killers(patch):
        path, _, test = killer.partition("::")
        assert not test or test.partition("[")[0] in _tests(ROOT / path)


def _tests(path: Path) -> set[str]:
    module = ast.parse(path.read_text())
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
