"""Plants known bugs in a copy of this tree, one at a time, and runs the tests that must see each.

python -m tests.faults.mutants [NAME...]    `make mutants` runs it; a NAME is the start of a patch's

The named tests run without a bug first, for a test that always fails would see everything, and
once more at the end, for the same when a bug has left something behind.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from dev.control import ROOT

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
SECONDS = 900
"""A run that takes longer has shown nothing. A quiet machine needs a tenth of it."""
TESTS_FAILED = 1  # of pytest's exit codes; that nothing could be imported is no proof


def killers(patch: Path) -> list[str]:
    """The tests that must fail, each of them, as pytest names them."""
    return re.findall("^Killed-by: (.+)$", patch.read_text(), re.MULTILINE)


def main(names: list[str]) -> int:
    if "NEWSFEED_STACK_STATE" in os.environ:  # set by `dev.stack exec`
        return plant_all([p for p in PATCHES if not names or p.name.startswith(tuple(names))])
    with TemporaryDirectory() as folder:
        copy_tree(Path(folder))
        python = [sys.executable, "-m"]
        again = [*python, "dev.stack", "exec", "--", *python, "tests.faults.mutants", *names]
        return subprocess.run(again, cwd=folder, check=False).returncode


def copy_tree(target: Path) -> None:
    """What git knows of, or would; the environment and the jars are shared."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in filter(None, found.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    (target / ".local").mkdir()
    for shared in (ROOT / ".venv", ROOT / ".local" / "java", *ROOT.glob(".local/kafka-jars-*")):
        (target / shared.relative_to(ROOT)).symlink_to(shared.resolve())


def plant_all(patches: list[Path]) -> int:
    tests = dict.fromkeys(test for patch in patches for test in killers(patch))
    if not pass_unmutated(tests, examples=100):
        return 1
    killed = sum([is_killed(patch) for patch in patches])
    clean = pass_unmutated(tests, examples=20)
    print(f"{killed} of {len(patches)} killed")
    return 0 if clean and killed == len(patches) else 1


def pass_unmutated(tests: Iterable[str], examples: int) -> bool:
    status, seconds, said = run(tests, examples)
    print(f"{'FAILED' if status else 'passed':8} {seconds:5.1f} s  without a bug", flush=True)
    print(said if status else "", end="")
    return status == 0


def is_killed(patch: Path) -> bool:
    apply = ["git", "apply", str(patch)]
    if subprocess.run(apply, cwd=ROOT, check=False).returncode:
        print(f"{'NO LONGER APPLIES':18} {patch.stem}", flush=True)
        return False
    runs = [run([test], examples=300) for test in killers(patch)]
    subprocess.run([*apply, "--reverse"], cwd=ROOT, check=True)
    missed = [said for status, _, said in runs if status != TESTS_FAILED]
    killed, seconds = bool(runs) and not missed, sum(seconds for _, seconds, _ in runs)
    print(f"{'killed' if killed else 'SURVIVED':8} {seconds:5.1f} s  {patch.stem}", flush=True)
    print(*missed, sep="\n", end="")
    return killed


def run(tests: Iterable[str], examples: int) -> tuple[int, float, str]:
    """Pytest's exit code, or -1 when it took too long; the seconds; the end of what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    env, began = os.environ | {"MODEL_EXAMPLES": str(examples)}, time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, SECONDS, "too slow\n"
    return done.returncode, time.monotonic() - began, done.stdout[-3_000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
