"""These tests need no servers but those they start themselves."""

import pytest


@pytest.fixture(autouse=True)
def redis() -> None:
    """Instead of the one that empties Redis before each test."""


@pytest.fixture(scope="session", autouse=True)
def _own_names() -> None:
    """Instead of the one that keeps apart what is on the same servers."""
