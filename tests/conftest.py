import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from xdist import is_xdist_worker

from dev.control import APPS, Control
from dev.ports import Ports
from dev.supervised import Stack
from tests.client import Person, sign_up
from tests.running import Service


@pytest.fixture(scope="session")
def _stack(request: pytest.FixtureRequest) -> Iterator[Control]:
    """The servers that this run was started beside. Tests of the service stop and freeze servers,
    so a worker with neighbours starts a second set for them."""
    if "NEWSFEED_STACK_STATE" not in os.environ:
        pytest.fail("These tests need servers of their own: run them with bin/test")
    shared = Control.attach()
    if not is_xdist_worker(request):
        yield shared
        return
    url = None if shared.has_own_database else shared.database_url
    state = shared.state / "service"
    state.mkdir(exist_ok=True)
    (state / "secret").write_text(shared.secret)  # tests sign tokens with it
    with Stack(state, Ports.free(), url) as stack:
        stack.start_stores()
        stack.wait_ready(*stack.stores)
        yield stack


@pytest.fixture(scope="session")
def service(_stack: Control) -> Iterator[Service]:
    """The API, the consumer and the relay, as processes."""
    service = Service(_stack)
    stack = service.stack
    own = [name for name in APPS if not stack.pid(name)]
    if own:
        stack.prepare_apps()
        stack.start(*own)
    stack.wait_ready(*APPS)
    yield service
    for name in own:
        stack.stop_program(name)
    service.redis.close()


@pytest.fixture
def away(service: Service) -> Callable[[str, str], ExitStack]:
    """Takes a server away, stopped or frozen; leaving the block brings it back."""

    def take(name: str, how: str) -> ExitStack:
        stack, back = service.stack, ExitStack()
        if how == "frozen":
            stack.signal(name, "STOP")
            back.callback(stack.signal, name, "CONT")
        else:
            stack.stop_program(name)
            back.callback(stack.wait_ready, name)
            back.callback(stack.start, name)
        return back

    return take


@pytest.fixture
def newcomer(service: Service) -> Callable[[str], Person]:
    """Signs somebody up, under a name nobody had in an earlier run on the same database."""
    run = f"run{uuid4().hex[:8]}"  # never digits alone: "moderator_12345678" is a reserved name
    return lambda name: sign_up(service.url, f"{name}_{run}")
