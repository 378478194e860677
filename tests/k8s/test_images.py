"""The image, and the workflows that build it and say where it runs."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from dev import images
from tests.k8s.objects import workloads
from tests.k8s.rendering import K8S, ROOT, manifests_of, render
from tests.k8s.tools import run

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def _script(path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=False)


def test_hadolint_accepts_the_dockerfile() -> None:
    run("hadolint", "Dockerfile")


def test_the_workflows_fit_githubs_schema() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "deep.yml", "image.yml", "scan.yml"}
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    run("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")


def test_zizmor_finds_nothing_in_the_workflows(tmp_path: Path) -> None:
    run("zizmor", "--offline", "--no-progress", "--persona", "pedantic", ".github/workflows")
    unpinned = WORKFLOWS[0].read_text().replace("08c6903cd8c0fde910a37f88322edcfb5dd907a8", "v5")
    (tmp_path / "ci.yml").write_text(unpinned)
    done = run("zizmor", "--offline", "--no-progress", tmp_path / "ci.yml", ok=(11, 12, 13, 14))
    assert "unpinned-uses" in done.stdout


def test_actions_are_pinned_by_their_commits() -> None:
    used = [u for path in WORKFLOWS for u in re.findall(r"uses: (.*)", path.read_text())]
    assert used
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", each) for each in used)


WRONG_IMAGES = {
    "redis:7.2": "name a patch release, like redis:1.2.3",
    "redis:latest": "name a patch release",
    "redis": "name a patch release",
    "redis:7.2.10": "7.2.10 has CVE-2025-49844",
    "nginxinc/nginx-unprivileged:1.30.6-alpine": "1.30.6 has NGINX2Root",
}


@pytest.mark.parametrize(("image", "part"), WRONG_IMAGES.items())
def test_an_image_with_a_hole_or_without_a_patch_version_is_told(image: str, part: str) -> None:
    [fault] = images.faults([image, "mysql:8.4.11", "redis_exporter:v1.69.0"])
    assert fault.startswith(f"{image}: ")
    assert part in fault
    assert list(images.faults(["redis:7.2.11", f"a:1.2.3@sha256:{64 * '0'}"])) == []


def test_an_image_has_one_version() -> None:
    [fault] = images.faults(["mysql:8.4.11", "mysql:8.4.12"])
    assert fault == "mysql: one version, not 8.4.11 and 8.4.12"


def test_every_image_that_is_run_is_among_those_that_are_scanned() -> None:
    named = {image for file in images.FILES for image in images.named(file.read_text())}
    pods = [w for overlay in ("local", "production") for w in workloads(manifests_of(overlay))]
    run_there = {container["image"] for w in pods for container in w.containers}
    stores = {image for image in run_there if "newsfeed" not in image}
    assert len(stores) > 8
    assert stores < named
    assert list(images.faults(images.of_others(named))) == []


def test_the_runners_mysql_makes_room_for_mariadb() -> None:
    for job in yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert "apt-get purge --yes 'mysql-server*' 'mysql-client*'" in commands[0]
        assert commands[1].startswith("bin/setup")


def test_images_are_built_on_pushes_to_three_branches_and_by_hand() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/image.yml").read_text())
    on = workflow[True]  # YAML 1.1 takes the word `on` for that
    assert on["push"]["branches"] == ["main", "develop", "hotfix/**"]
    assert on["workflow_dispatch"]["inputs"]["version"]["required"]
    # Or the commit that names the image would build the next one.
    assert on["push"]["paths-ignore"] == ["k8s/overlays/**"]
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["build"]["permissions"] == {"contents": "read", "packages": "write"}


@pytest.mark.parametrize(
    ("branch", "start"),
    [("main", "main"), ("develop", "develop"), ("hotfix/login#1", "hotfix-login-1")],
)
def test_a_branchs_image_is_tagged_with_the_time(branch: str, start: str) -> None:
    done = _script(K8S / "image-tag", branch)
    assert done.returncode == 0
    tag = done.stdout.strip()
    assert re.fullmatch(rf"{start}-\d{{8}}-\d{{4}}", tag)
    built = datetime.strptime(tag[-13:], "%Y%m%d-%H%M").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - built).total_seconds()) < 120


def test_a_release_is_tagged_with_its_version() -> None:
    done = _script(K8S / "image-tag", "--release", "release-20261120")
    assert (done.returncode, done.stdout) == (0, "release-20261120\n")


@pytest.mark.parametrize(
    "version",
    ["", "20261120", "release-2026112", "release-20261320", "release-20261120\nx", "release-$(id)"],
)
def test_a_version_that_is_none_is_refused(version: str) -> None:
    done = _script(K8S / "image-tag", "--release", version)
    assert (done.returncode, done.stdout) == (1, "")
    assert "release-YYYYMMDD" in done.stderr


def test_the_overlay_runs_the_image_that_was_set(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    image = "ghcr.io/somebody/feed"
    script = tmp_path / "k8s" / "set-image"
    assert _script(script, "production", image, "release-20261120").returncode == 0
    rendered = render(tmp_path / "k8s" / "overlays" / "production")
    assert set(re.findall(r"image: (.*feed.*)", rendered)) == {f"{image}:release-20261120"}
    assert _script(script, "production", image, "x; y").returncode == 1
    assert _script(script, "nowhere", image, "x").returncode != 0
