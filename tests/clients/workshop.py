"""Where the clients are made: a copy of the programs beside this, in .local, which git ignores."""

import os
import shutil
import subprocess
from pathlib import Path

from dev.control import ROOT

HERE = Path(__file__).parent
COPY = ROOT / ".local" / "clients"
GO, JAVASCRIPT = COPY / "go", COPY / "javascript"
LIMIT_SECONDS = 600


def prepare() -> None:
    """Installs the generators as they are pinned, and makes and compiles a client by each."""
    for kind in (GO, JAVASCRIPT):
        shutil.copytree(HERE / kind.name, kind, dirs_exist_ok=True)
        shutil.copy(ROOT / "openapi.yaml", kind)
    run(JAVASCRIPT, "npm", "ci", "--no-audit", "--no-fund")
    run(JAVASCRIPT, "npx", "openapi-ts")
    run(JAVASCRIPT, "npx", "tsc")
    (GO / "client").mkdir(exist_ok=True)
    options = ["-generate", "types,client", "-package", "client", "-o", "client/client.gen.go"]
    run(GO, "go", "tool", "oapi-codegen", *options, "openapi.yaml")
    run(GO, "go", "vet", "./...")
    run(GO, "go", "build", "-o", "bin/", "./...")


def run(folder: Path, program: str, *arguments: str, given: str | None = None) -> str:
    """What it prints. A missing program is an error, never a reason to skip."""
    path = shutil.which(program) or shutil.which(program, path="/usr/local/go/bin")
    assert path, f"{program} is missing: these tests need Node 20 with npm, and Go"
    done = subprocess.run(
        [path, *arguments],
        cwd=folder,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout
