"""The planted bugs of `make mutants` must not rot as the code they break changes."""

import ast
import re
from contextlib import ExitStack

import pytest

from dev.control import ROOT
from feeds import services, store
from tests.faults.mutants.patch import Patch, look_up
from tests.faults.mutants.registry import Mutant, find_mutants

MUTANTS = find_mutants()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_bug_can_be_planted_and_its_tests_are_there(mutant: Mutant) -> None:
    mutant.plant().close()
    assert re.match(r"I\d: .+[^.]$", mutant.breaks)
    assert mutant.killed_by
    for killer in mutant.killed_by:
        path, _, test = killer.partition("::")
        assert not test or test.partition("[")[0] in _tests(path)


def _tests(path: str) -> set[str]:
    module = ast.parse((ROOT / path).read_text())
    return {node.name for node in module.body if isinstance(node, ast.FunctionDef)}


def test_what_was_changed_is_as_before_at_the_end() -> None:
    addresses = ("feeds.services:SPARE", "feeds.services:rebuild.__code__", "feeds.store:PUSH.sha")
    before = [look_up(address) for address in addresses]
    with Patch() as patch:
        patch.set("feeds.services:SPARE", 11)
        patch.edit("feeds.services:rebuild", {"return snapshot": "return seen"}, seen=7)
        patch.edit("feeds.store:PUSH", {"return 1": "return 2"})
        changed = [look_up(address) for address in addresses]
        assert services.rebuild.__globals__["seen"] == 7
        assert "return 2" in store.PUSH.source
    assert not set(changed) & set(before)
    assert [look_up(address) for address in addresses] == before
    assert not hasattr(services, "seen")


@pytest.mark.parametrize(
    ("address", "lines", "error"),
    [
        ("feeds.services:gone", {}, AttributeError),
        ("feeds.gone:rebuild", {}, ModuleNotFoundError),
        ("feeds.services:rebuild", {"gone": "pass"}, ValueError),
        ("feeds.services:rebuild", {"snapshot": "pass"}, ValueError),
        ("feeds.services:rebuild", {"return snapshot": "return gone"}, NameError),
        ("feeds.store:PUSH", {"return 0": "return 1"}, ValueError),
    ],
)
def test_a_change_of_what_is_not_there_is_refused(
    address: str, lines: dict[str, str], error: type[Exception]
) -> None:
    with ExitStack() as stack, pytest.raises(error):
        stack.enter_context(Patch()).edit(address, lines)
