from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.client import Person
from tests.running import Service


class Celebrity(NamedTuple):
    author: Person
    followers: list[int]


@pytest.fixture(scope="session")
def _celebrity(service: Service) -> Celebrity:
    return Celebrity(*service.add_author(followers=10_000))


@pytest.fixture
def celebrity(service: Service, _celebrity: Celebrity) -> Celebrity:
    """An author with 10,000 followers, all of whose feeds are in Redis."""
    service.warm(_celebrity.followers)
    return _celebrity


@pytest.fixture
def alice(newcomer: Callable[[str], Person]) -> Person:
    return newcomer("alice")


@pytest.fixture
def bob(newcomer: Callable[[str], Person]) -> Person:
    return newcomer("bob")


@pytest.fixture
def carol(newcomer: Callable[[str], Person]) -> Person:
    return newcomer("carol")
