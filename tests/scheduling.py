"""Which worker of pytest-xdist runs which test."""

from collections import Counter
from functools import cached_property
from itertools import groupby
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

SERVICE = ("tests/flows/", "tests/api/test_schemathesis.py", "tests/faults/test_c")
"""Tests that use the fixture `service`: one worker starts it, once."""


def _place(nodeid: str) -> str:
    return "service" if nodeid.startswith(SERVICE) else nodeid.partition("::")[0]


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Keeps tests of a file together, where pytest-django has not put them apart: a test that
    empties the tables, and so what migrations have put there, comes after all that roll back."""

    @cached_property
    def _scopes(self) -> dict[str, str]:
        scopes, parts = dict[str, str](), Counter[str]()
        for place, nodeids in groupby(self.collection, _place):
            parts[place] += 1
            scopes |= dict.fromkeys(nodeids, f"{place} {parts[place]}")
        return scopes

    def _split_scope(self, nodeid: str) -> str:
        return self._scopes[nodeid]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The service first: it takes longest. pytest-django puts tests without a database last."""
    items.sort(key=lambda item: not item.nodeid.startswith(SERVICE))


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)
