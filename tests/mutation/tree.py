import shutil
import subprocess
from pathlib import Path

from dev.control import ROOT


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
