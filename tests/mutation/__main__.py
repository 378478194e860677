"""Changes modules one operator at a time with cosmic-ray, and prints the changes that no test sees.

python -m tests.mutation [--minutes N] [MODULE...]    `make mutation MODULE=feeds/store.py` runs it

It works in a copy of the tree, on servers of its own. Each module gets its share of the minutes: as
many changes, drawn at random, as its tests could run in that time. Survivors are for people to look
at, as many change nothing that a user would notice. So they do not make it fail.
"""

import argparse
import os
import shlex
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.control import ROOT
from tests.mutation.modules import TESTS
from tests.mutation.tree import copy_tree

TOOLS = Path(".venv-mutation")
# Without --reuse-db: what a test leaves behind that is killed would fail all that come after it.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
SECONDS_A_CHANGE = 180
"""Tests that take longer hang, so the change is seen."""
CONFIG = r"""
[cosmic-ray]
module-path = "{module}"
timeout = {seconds}
excluded-modules = []
test-command = "{command}"

[cosmic-ray.distributor]
name = "local"

# Each operator becomes its neighbour only: what sees that sees the others.
[cosmic-ray.filters.operators-filter]
exclude-operators = [
  'core/ReplaceComparisonOperator_(?!(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot)$)',
  'core/ReplaceBinaryOperator_(?!(Add_Sub|Sub_Add|Mul_Div|FloorDiv_Mul|BitAnd_BitOr)$)',
]
"""
SAMPLE = """
DELETE FROM work_items WHERE job_id IN (SELECT job_id FROM work_results);
DELETE FROM work_results;
DELETE FROM work_items WHERE job_id NOT IN
  (SELECT job_id FROM work_items ORDER BY random() LIMIT {count});
DELETE FROM mutation_specs WHERE job_id NOT IN (SELECT job_id FROM work_items);
"""
"""Of a session: what its filter has skipped goes first."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="for all modules together")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - set(TESTS):
        parser.error(f"no tests are named in tests/mutation/modules.py for {', '.join(unknown)}")
    if "NEWSFEED_STACK_STATE" in os.environ:  # set by `dev.stack exec`
        return mutate(options.modules or list(TESTS), options.minutes)
    with TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        (Path(folder) / TOOLS).symlink_to(ROOT / TOOLS)
        python = [sys.executable, "-m"]
        again = [*python, "dev.stack", "exec", "--", *python, "tests.mutation", *arguments]
        return subprocess.run(again, cwd=folder, check=False).returncode


def mutate(modules: list[str], minutes: float) -> int:
    for module in modules:
        began = time.monotonic()
        if subprocess.run([*PYTEST, *TESTS[module]], cwd=ROOT, check=False).returncode:
            print(f"{module}: its tests fail without a change", flush=True)
            return 1
        seconds = time.monotonic() - began
        change(module, count=max(1, int(60 * minutes / len(modules) / seconds)))
    return 0


def change(module: str, count: int) -> None:
    config, session = (ROOT / f".local/mutation.{kind}" for kind in ("toml", "sqlite"))
    command = shlex.join([*PYTEST, *TESTS[module]])
    text = CONFIG.format(module=module, seconds=SECONDS_A_CHANGE, command=command)
    config.write_text(text)
    session.unlink(missing_ok=True)
    run("cosmic-ray", "init", config, session)
    run("cr-filter-operators", session, config)
    with closing(sqlite3.connect(session)) as database:
        database.executescript(SAMPLE.format(count=count))
    run("cosmic-ray", "exec", config, session)
    print(f"\n{module}: the changes that no test has seen, of up to {count}", flush=True)
    run("cr-report", "--show-diff", "--surviving-only", session)


def run(tool: str, *arguments: str | Path) -> None:
    subprocess.run([ROOT / TOOLS / "bin" / tool, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
