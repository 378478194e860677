"""Which worker of pytest-xdist runs which test: files stay together, and so does the service."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

SERVICE = ("tests/flows/", "tests/api/test_schemathesis.py", "tests/faults/test_c")
"""Tests that use the fixture `service`: one worker starts it, once."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        return "service" if nodeid.startswith(SERVICE) else nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The service first: it takes longest. pytest-django puts tests without a database last."""
    items.sort(key=lambda item: not item.nodeid.startswith(SERVICE))


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)
