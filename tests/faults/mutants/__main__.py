"""Plants known bugs in the running code, one at a time, and runs the tests that must see each.

python -m tests.faults.mutants [NAME...]    `make mutants` runs it; a NAME may be a bug's beginning

The named tests run without a bug first, for a test that always fails would see everything, and
once more at the end, for the same when a bug has left something behind.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import django

from dev.control import ROOT
from tests.faults.mutants.registry import Mutant, find_mutants

HOOK = Path(__file__).parent / "hook"
SECONDS = 900
"""A run that takes longer has shown nothing. A quiet machine needs a tenth of it."""
TESTS_FAILED = 1
"""Of pytest's exit codes, and Python's own when pytest cannot start."""


def main(names: list[str]) -> int:
    if "NEWSFEED_STACK_STATE" not in os.environ:  # set by `dev.stack exec`
        python = [sys.executable, "-m"]
        again = [*python, "dev.stack", "exec", "--", *python, "tests.faults.mutants", *names]
        return subprocess.run(again, cwd=ROOT, check=False).returncode
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    every = find_mutants().values()
    return plant_all([one for one in every if not names or one.name.startswith(tuple(names))])


def plant_all(mutants: list[Mutant]) -> int:
    tests = dict.fromkeys(test for mutant in mutants for test in mutant.killed_by)
    if not pass_unmutated(tests, "--create-db"):
        return 1
    killed = sum([is_killed(mutant) for mutant in mutants])
    clean = pass_unmutated(tests, "--reuse-db")
    print(f"{killed} of {len(mutants)} killed")
    return 0 if clean and mutants and killed == len(mutants) else 1


def pass_unmutated(tests: Iterable[str], database: str) -> bool:
    status, seconds, said = run([database, *tests], examples=20)
    print(f"{'FAILED' if status else 'passed':8} {seconds:5.1f} s  without a bug", flush=True)
    print(said if status else "", end="")
    return status == 0


def is_killed(mutant: Mutant) -> bool:
    mutant.plant().close()  # raises if the code that it changes has gone
    return all(fails(test, mutant) for test in mutant.killed_by)


def fails(test: str, mutant: Mutant) -> bool:
    status, seconds, said = run(["--reuse-db", test], examples=300, mutant=mutant.name)
    killed = status == TESTS_FAILED and f"FAILED {test.partition('[')[0]}" in said
    verdict = "killed" if killed else "SURVIVED"
    print(f"{verdict:8} {seconds:5.1f} s  {mutant.name:32} {test}", flush=True)
    print("" if killed else said, end="")
    return killed


def run(arguments: list[str], examples: int, mutant: str = "") -> tuple[int, float, str]:
    """Pytest's exit code, or -1 when it took too long; the seconds; the end of what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    env, began = os.environ | {"MODEL_EXAMPLES": str(examples)}, time.monotonic()
    if mutant:
        env |= {"MUTANT": mutant, "PYTHONPATH": f"{HOOK}{os.pathsep}{ROOT}"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, SECONDS, "too slow\n"
    return done.returncode, time.monotonic() - began, done.stdout[-3_000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
