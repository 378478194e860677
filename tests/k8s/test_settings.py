"""The service starts with the settings that a rendering gives it."""

import os
import subprocess
import sys

import pytest

from tests.k8s.objects import environment, own, workload
from tests.k8s.rendering import OVERLAYS, ROOT, manifests_of

# What comes from Secrets, where those are not in Git.
KEPT = {
    "SECRET_KEY": "s" * 50,
    "DATABASE_URL": "mysql://newsfeed:x@mysql:3306/newsfeed",
    "REDIS_URL": "redis://:x@redis:6379/0",
}


def check(variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_overlay_sets_is_accepted(overlay: str) -> None:
    docs = manifests_of(overlay)
    given = environment(docs, workload(docs, "api-write").pod["containers"][0])
    checked = check(KEPT | given)
    assert checked.returncode == 0, checked.stderr
    without = {k: v for k, v in given.items() if k != "KAFKA_MIN_INSYNC_REPLICAS"}
    assert "KAFKA_MIN_INSYNC_REPLICAS is not set" in check(KEPT | without).stderr


def test_all_get_the_same_settings() -> None:
    docs = manifests_of("production")
    sources = [c["envFrom"] for w in own(docs) for c in w.containers]
    assert len(sources) > 10
    assert all(source == sources[0] for source in sources)
