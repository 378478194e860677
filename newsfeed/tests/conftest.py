from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import connection

from conftest import free_port
from tests.redis_server import redis_away

__all__ = ["redis_away"]

Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def mysql_away(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Away:
    """A block in which nobody listens where MySQL should be."""

    @contextmanager
    def away() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "PORT", str(free_port()))
            connection.close()
            yield
        connection.close()

    return away
