from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, Event
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from newsfeed import breaker as breaker_module
from newsfeed.breaker import Breaker, BreakerOpen, State

SLOW_SECONDS = 0.5
OPEN_SECONDS = 2.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    # Not time.monotonic itself, which the threads of the other modules use as well.
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def make(clock: Clock) -> Callable[..., Breaker]:
    def breaker(**options: float) -> Breaker:
        defaults = {"slow_seconds": SLOW_SECONDS, "open_seconds": OPEN_SECONDS}
        return Breaker("test", **(defaults | options))  # type: ignore[arg-type]

    return breaker


@pytest.fixture
def breaker(make: Callable[..., Breaker]) -> Breaker:
    return make()


def _good(breaker: Breaker, calls: int = 1) -> None:
    for _ in range(calls):
        with breaker.guard():
            pass


def _bad(breaker: Breaker, calls: int = 1) -> None:
    for _ in range(calls):
        with pytest.raises(KeyError), breaker.guard():
            raise KeyError


def _slow(breaker: Breaker, clock: Clock, calls: int = 1) -> None:
    for _ in range(calls):
        with breaker.guard():
            clock.now += SLOW_SECONDS + 0.01


def _is_refused(breaker: Breaker) -> bool:
    ran = False
    with suppress(BreakerOpen), breaker.guard():
        ran = True
    return not ran


def _state(breaker: Breaker) -> State:
    """A call of its own, or mypy believes that the state is still the one asserted before."""
    return breaker.state


def _open(breaker: Breaker) -> Breaker:
    _bad(breaker, calls=breaker.minimum)
    assert _state(breaker) is State.OPEN
    return breaker


def test_what_the_block_raises_passes_through(breaker: Breaker) -> None:
    error = ValueError("as it was")
    with pytest.raises(ValueError, match="as it was") as raised, breaker.guard():
        raise error
    assert raised.value is error


def test_failures_open_it_and_then_nothing_is_tried(breaker: Breaker) -> None:
    _bad(breaker, calls=2)
    _good(breaker)
    assert _state(breaker) is State.OPEN
    with pytest.raises(BreakerOpen, match="test"), breaker.guard():
        pytest.fail("it was tried")


def test_it_does_not_open_below_the_minimum_of_calls(make: Callable[..., Breaker]) -> None:
    breaker = make(minimum=5)
    _bad(breaker, calls=4)
    assert _state(breaker) is State.CLOSED
    _bad(breaker)
    assert _state(breaker) is State.OPEN


@pytest.mark.parametrize(("bad", "state"), [(4, State.CLOSED), (5, State.OPEN)])
def test_it_opens_when_the_share_of_failures_is_reached(
    make: Callable[..., Breaker], bad: int, state: State
) -> None:
    breaker = make(minimum=10, failure_rate=0.5)
    _good(breaker, calls=10 - bad)
    _bad(breaker, calls=bad)
    assert _state(breaker) is state


@pytest.mark.parametrize(("slow", "state"), [(7, State.CLOSED), (8, State.OPEN)])
def test_it_opens_when_the_share_of_slow_calls_is_reached(
    make: Callable[..., Breaker], clock: Clock, slow: int, state: State
) -> None:
    breaker = make(minimum=10, slow_rate=0.8)
    _good(breaker, calls=10 - slow)
    _slow(breaker, clock, calls=slow)
    assert _state(breaker) is state


def test_a_call_is_slow_only_above_the_bound(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        with breaker.guard():
            clock.now += SLOW_SECONDS
    assert _state(breaker) is State.CLOSED
    with suppress(BreakerOpen):
        _slow(breaker, clock, calls=20)
    assert _state(breaker) is State.OPEN


@pytest.mark.parametrize(("good", "state"), [(5, State.OPEN), (6, State.CLOSED)])
def test_calls_before_the_window_are_forgotten(
    make: Callable[..., Breaker], good: int, state: State
) -> None:
    breaker = make(window=10, minimum=10)
    _bad(breaker, calls=4)  # of which one, then, is beyond the last ten calls
    _good(breaker, calls=good)
    _bad(breaker)
    assert _state(breaker) is state


def test_it_is_tried_again_only_after_a_while(breaker: Breaker, clock: Clock) -> None:
    _open(breaker)
    clock.now += OPEN_SECONDS - 0.01
    assert _is_refused(breaker)
    clock.now += 0.01
    assert not _is_refused(breaker)


def test_a_good_probe_closes_it_and_the_failures_are_forgotten(
    breaker: Breaker, clock: Clock
) -> None:
    _open(breaker)
    clock.now += OPEN_SECONDS
    _good(breaker)
    assert _state(breaker) is State.CLOSED
    _bad(breaker, calls=breaker.minimum - 1)
    assert _state(breaker) is State.CLOSED
    _bad(breaker)
    assert _state(breaker) is State.OPEN


def test_a_bad_probe_opens_it_for_as_long_again(breaker: Breaker, clock: Clock) -> None:
    _open(breaker)
    clock.now += OPEN_SECONDS
    _bad(breaker)
    assert _state(breaker) is State.OPEN
    clock.now += OPEN_SECONDS - 0.01
    assert _is_refused(breaker)
    clock.now += 0.01
    assert not _is_refused(breaker)


def test_a_slow_probe_is_a_bad_one(breaker: Breaker, clock: Clock) -> None:
    _open(breaker)
    clock.now += OPEN_SECONDS
    _slow(breaker, clock)
    assert _state(breaker) is State.OPEN


def test_while_one_probes_the_others_are_refused(breaker: Breaker, clock: Clock) -> None:
    _open(breaker)
    clock.now += OPEN_SECONDS
    with breaker.guard():
        assert _state(breaker) is State.HALF_OPEN
        assert _is_refused(breaker)
    assert not _is_refused(breaker)


def test_all_of_several_probes_must_be_good(make: Callable[..., Breaker], clock: Clock) -> None:
    breaker = _open(make(probes=2))
    clock.now += OPEN_SECONDS
    _good(breaker)
    assert _state(breaker) is State.HALF_OPEN
    _good(breaker)
    assert _state(breaker) is State.CLOSED
    _open(breaker)
    clock.now += OPEN_SECONDS
    _good(breaker)
    _bad(breaker)
    assert _state(breaker) is State.OPEN


def test_when_one_probe_was_bad_another_one_does_not_keep_it_open(
    make: Callable[..., Breaker], clock: Clock
) -> None:
    breaker = _open(make(probes=2))
    clock.now += OPEN_SECONDS
    with suppress(KeyError), breaker.guard():
        _bad(breaker)
        clock.now += OPEN_SECONDS - 0.01
        raise KeyError
    assert _is_refused(breaker)
    clock.now += 0.01
    assert not _is_refused(breaker)


def test_a_call_from_before_it_opened_does_not_keep_it_open(
    make: Callable[..., Breaker], clock: Clock
) -> None:
    breaker = make(minimum=1)
    with suppress(KeyError), breaker.guard():
        _open(breaker)
        clock.now += OPEN_SECONDS - 0.01
        raise KeyError
    assert _is_refused(breaker)
    clock.now += 0.01
    assert not _is_refused(breaker)


def test_a_call_from_before_it_opened_does_not_speak_for_the_probe(
    make: Callable[..., Breaker], clock: Clock
) -> None:
    breaker = make(minimum=1)
    probe = breaker.guard()
    with suppress(KeyError), breaker.guard():
        _open(breaker)
        clock.now += OPEN_SECONDS
        probe.__enter__()
        raise KeyError
    assert _is_refused(breaker)
    probe.__exit__(None, None, None)
    assert not _is_refused(breaker)


@pytest.mark.parametrize("probes", [1, 3])
def test_of_many_threads_only_the_probes_are_let_through(
    make: Callable[..., Breaker], clock: Clock, probes: int
) -> None:
    breaker = _open(make(probes=probes))
    clock.now += OPEN_SECONDS
    threads, all_have_asked = 12, Event()
    together, refused = Barrier(threads), []

    def ask() -> None:
        together.wait(60)
        try:
            with breaker.guard():
                assert all_have_asked.wait(60)
        except BreakerOpen:
            refused.append(1)
            if len(refused) == threads - probes:
                all_have_asked.set()

    with ThreadPoolExecutor(threads) as pool:
        for asked in [pool.submit(ask) for _ in range(threads)]:
            asked.result(60)
    assert len(refused) == threads - probes
    assert _state(breaker) is State.CLOSED


def test_a_metric_counts_how_often_it_stopped_asking(breaker: Breaker, clock: Clock) -> None:
    def opened() -> float:
        return REGISTRY.get_sample_value("feed_breaker_opened_total", {"name": "test"}) or 0

    before = opened()
    _open(breaker)
    assert _is_refused(breaker)
    assert opened() - before == 1
    clock.now += OPEN_SECONDS
    _bad(breaker)
    assert opened() - before == 2
    clock.now += OPEN_SECONDS
    _good(breaker)
    assert _state(breaker) is State.CLOSED
    assert opened() - before == 2


def test_a_breaker_that_never_opened_is_counted_as_nought() -> None:
    """Or the rate would miss its first time."""
    Breaker("unused", slow_seconds=SLOW_SECONDS)
    assert REGISTRY.get_sample_value("feed_breaker_opened_total", {"name": "unused"}) == 0
