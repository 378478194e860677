import pytest

from tests.k8s.invariants import CHECKS, Check
from tests.k8s.pod_invariants import POD_CHECKS
from tests.k8s.rendering import ALL, IDS, manifests_of


@pytest.mark.parametrize(("overlay", "added"), ALL, ids=IDS)
def test_every_rendering_keeps_every_invariant(overlay: str, added: tuple[str, ...]) -> None:
    docs = manifests_of(overlay, added)
    assert [line for check in EVERY for line in check(docs)] == []


EVERY: list[Check] = [*CHECKS, *POD_CHECKS]
