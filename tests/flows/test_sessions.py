"""A session that has ended, for all processes of the API."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.client import PASSWORD, Person
from tests.running import Service

READS = 60


def _statuses(person: Person) -> set[int]:
    """Of so many reads over as many connections that every process gets some."""
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: person.call("GET", "/users/?username=x"), range(READS))
        return {answer.status for answer in answers}


def _writes_nothing(service: Service) -> ExitStack:
    """A Redis that answers reads, and can delete no session."""
    service.redis.config_set("min-replicas-to-write", 1)
    back = ExitStack()
    back.callback(service.redis.config_set, "min-replicas-to-write", 0)
    return back


@pytest.mark.parametrize("redis", ["is there", "hangs", "writes nothing"])
def test_who_has_logged_out_is_out_everywhere_at_once(
    service: Service, away: Callable[[str, str], ExitStack], alice: Person, redis: str
) -> None:
    assert _statuses(alice) == {200}
    troubles: dict[str, Callable[[], ExitStack]] = {
        "is there": ExitStack,
        "hangs": lambda: away("redis", "frozen"),
        "writes nothing": lambda: _writes_nothing(service),
    }
    with troubles[redis]():
        alice.done(204, "POST", "/auth/logout/")
        assert _statuses(alice) == {401}
    assert _statuses(alice) == {401}


def test_a_log_out_in_chunks_ends_the_session_it_names(
    service: Service, newcomer: Callable[[str], Person]
) -> None:
    alice = newcomer("alice")
    name = alice.done(200, "GET", "/users/me/")["username"]
    form = {"username": name, "password": PASSWORD}
    refresh = {"refresh": alice.done(200, "POST", "/auth/login/", form)["refresh"]}
    assert alice.call("POST", "/auth/logout/", refresh, chunked=True).status == 204
    assert alice.call("POST", "/auth/refresh/", refresh).status == 401
