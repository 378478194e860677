"""What the workflows' steps do: their scripts, run as GitHub's runner runs them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.rendering import K8S, ROOT

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


class Repository:
    """With the files that the deploy job writes, and one that is the manifests' rest."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._remote = folder, folder / "remote.git"
        self._git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self._remote))
        shutil.copytree(K8S, folder / "first" / "k8s")
        self._git(folder / "first", "init", "--quiet", "--initial-branch=main")
        self._commit(folder / "first", "main", "probes of the first release")

    def change(self, branch: str, text: str, *, since: str = "main", file: str = "probes") -> str:
        """Somebody pushes this to the branch; returns the commit."""
        clone = self._clone("change", since)
        self._git(clone, "switch", "--quiet", "--force-create", branch)
        return self._commit(clone, branch, text, file)

    def merge(self, source: str, branch: str) -> None:
        clone = self._clone("merge", branch)
        self._git(clone, "merge", "--quiet", "--no-edit", f"origin/{source}")
        self._git(clone, "push", "--quiet", "origin", branch)

    def deploy(self, step: str, branch: str, tag: str, built: str = "") -> int:
        """The exit status of the deploy job."""
        clone = self._clone(tag, branch)
        env = {"BRANCH": branch, "IMAGE": "ghcr.io/s/feed", "TAG": tag, "BUILT": built}
        env |= {"REMOTE": str(self._remote), "HOME": str(self._folder)}
        script = _script("deploy", "git config") + _script("deploy", f'"{step}: run $TAG"')
        done = _run(script, clone, **env)
        return done.returncode

    def shows(self, branch: str, overlay: str = "production") -> tuple[str, str]:
        """Which image this is to run by the branch, and with which probes."""
        app = self.show(branch, f"k8s/overlays/{overlay}/app/kustomization.yaml")
        [image] = yaml.safe_load(app)["images"]
        return image["newTag"], self.show(branch, "k8s/probes")

    def show(self, branch: str, path: str) -> str:
        return self._git(self._remote, "show", f"{branch}:{path}")

    def _clone(self, name: str, branch: str) -> Path:
        clone = self._folder / f"{name}-{len(list(self._folder.iterdir()))}"
        self._git(self._folder, "clone", "--quiet", "-b", branch, str(self._remote), str(clone))
        return clone

    def _commit(self, clone: Path, branch: str, text: str, file: str = "probes") -> str:
        (clone / "k8s" / file).write_text(text)
        self._git(clone, "add", "--all")
        self._git(clone, "commit", "--quiet", "--message", text)
        self._git(clone, "push", "--quiet", str(self._remote), f"HEAD:{branch}")
        return self._git(clone, "rev-parse", "HEAD").strip()

    def _git(self, folder: Path, *arguments: str) -> str:
        somebody = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
        # Not the repository that a hook runs the tests for.
        env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        env["GIT_CONFIG_GLOBAL"] = os.devnull
        return subprocess.run(
            ["git", *somebody, *arguments],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_production_gets_what_was_released_and_not_what_is_merged_later(
    repository: Repository,
) -> None:
    built = repository.change("main", "probes that were built")
    repository.change("main", "probes merged while it was built")
    assert repository.deploy("production", "main", "release-20261120", built) == 0
    released = ("release-20261120", "probes that were built")
    assert repository.shows("production") == released
    assert repository.shows("main") == ("release-20261120", "probes merged while it was built")
    built = repository.change("main", "probes of tomorrow")
    assert repository.shows("production") == released
    assert repository.deploy("production", "main", "release-20261121", built) == 0
    assert repository.shows("production") == ("release-20261121", "probes of tomorrow")


def test_a_release_that_would_undo_a_hotfix_is_refused(repository: Repository) -> None:
    built = repository.change("main", "probes")
    assert repository.deploy("production", "main", "release-20261120", built) == 0
    mended = repository.change("hotfix/login", "mended", since="production", file="login")
    assert repository.deploy("production", "hotfix/login", "release-20261121", mended) == 0
    built = repository.change("main", "probes of main")
    before = repository.shows("main")
    assert repository.deploy("production", "main", "release-20261122", built) != 0
    assert repository.shows("production") == ("release-20261121", "probes")
    assert repository.shows("main") == before
    repository.merge("hotfix/login", "main")
    built = repository.change("main", "probes of tomorrow")
    assert repository.deploy("production", "main", "release-20261123", built) == 0
    assert repository.shows("production") == ("release-20261123", "probes of tomorrow")
    assert repository.show("production", "k8s/login") == "mended"


def test_a_push_to_develop_moves_nothing_of_productions(repository: Repository) -> None:
    repository.change("develop", "probes")
    before = repository.shows("main")
    assert repository.deploy("develop", "develop", "develop-20261120-1200") == 0
    assert repository.shows("develop", "develop") == ("develop-20261120-1200", "probes")
    assert repository.shows("develop")[0] == before[0]
    assert repository.shows("main") == before


def test_releases_are_built_of_main_and_hotfixes_alone() -> None:
    condition = IMAGE["jobs"]["build"]["if"]
    assert condition == (
        "github.event_name == 'push' || github.ref == 'refs/heads/main'"
        " || startsWith(github.ref, 'refs/heads/hotfix/')"
    )
    assert IMAGE["jobs"]["deploy"]["needs"] == "build"
