"""Changes modules one operator at a time with cosmic-ray, and prints the changes that no test sees.

python -m tests.mutation [MODULE...]    `make mutation MODULE=feeds/store.py` runs it

It works in a copy of the tree, on servers of its own. One process loads a module's tests and forks
for each change (`warm`). Where that fails, such as with threads of a Kafka client, a new process
runs the tests of the changed file. Survivors are for people to judge, since many change nothing
that a user would notice. So they do not make it fail.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dev.control import ROOT
from tests.mutation.modules import TESTS
from tests.mutation.tree import copy_tree
from tests.mutation.warm import COLD, HUNG, KILLED, SURVIVED

TOOLS = Path(".venv-mutation")
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
SECONDS_A_CHANGE = 180
"""Tests that take longer hang, so the change is seen."""
RESULTS = ROOT / ".local" / "mutation.jsonl"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - set(TESTS):
        parser.error(f"no tests are named in tests/mutation/modules.py for {', '.join(unknown)}")
    if "NEWSFEED_STACK_STATE" in os.environ:  # set by `dev.stack exec`
        for module in options.modules or TESTS:
            mutate(module)
        return 0
    with TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        (Path(folder) / TOOLS).symlink_to(ROOT / TOOLS)
        python = [sys.executable, "-m"]
        again = [*python, "dev.stack", "exec", "--", *python, "tests.mutation", *arguments]
        return subprocess.run(again, cwd=folder, check=False).returncode


def mutate(module: str) -> None:
    began = time.monotonic()
    python = ROOT / TOOLS / "bin" / "python"
    listed: list[str | Path] = [python, "tests/mutation/changes.py", module]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    changes = [json.loads(line) for line in found.splitlines()]
    outcomes = warm(module, found)
    for number, change in enumerate(changes):
        if number >= len(outcomes) or outcomes[number] == COLD:
            outcomes[number:] = [cold(module, change["source"]), *outcomes[number + 1 :]]
    seen = sum(outcome in (KILLED, HUNG) for outcome in outcomes)
    print(f"{module}: {seen} of {len(changes)} seen, {time.monotonic() - began:.0f} s")
    for change, outcome in zip(changes, outcomes, strict=True):
        if outcome not in (KILLED, HUNG):
            print(f"  {change['line']}, {outcome}: {change['before']}\n    {change['after']}")
    sys.stdout.flush()


def warm(module: str, changes: str) -> list[str]:
    """The outcome of each change; none if the tests do not run in a forked child."""
    given = RESULTS.with_suffix(".changes")
    given.write_text(changes)
    RESULTS.write_text("")
    files = ["--module", module, "--changes", given, "--results", RESULTS]
    run([*PYTEST, "-p", "tests.mutation.warm", "--create-db", *files, *TESTS[module]], 3600)
    results: list[dict[str, Any]] = [json.loads(line) for line in RESULTS.open()]
    return [result["outcome"] for result in results]


def cold(module: str, source: str) -> str:
    path = ROOT / module
    before = path.read_text()
    path.write_text(source)
    try:
        # Without --reuse-db: tests that are killed leave rows that fail all the next ones.
        status = run([*PYTEST, "-x", *TESTS[module]], SECONDS_A_CHANGE)
    finally:
        path.write_text(before)
    return {0: SURVIVED, None: HUNG}.get(status, KILLED)


def run(command: list[Any], seconds: int) -> int | None:
    """The exit code, or None after so many seconds."""
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
