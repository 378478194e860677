"""A consumer that could read and does not ends, so that another takes its place."""

import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from newsfeed.events import consumer as consumer_module
from newsfeed.events import stall
from newsfeed.events.consumer import Consumer
from newsfeed.events.stall import Stalled
from newsfeed.events.tests.conftest import Recorder, Send, Start, lag, step_until
from newsfeed.exceptions import Unavailable, Unreadable
from newsfeed.kafka import readers, topic_admin
from newsfeed.kafka.topic_admin import BrokerUnavailable
from newsfeed.kafka.topics import Topic
from tests.names import own

pytestmark = pytest.mark.usefixtures("topics")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "REFRESH_SECONDS", 0)


@pytest.fixture
def stuck(start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    """Has read and committed a record; what comes now, it does not fetch."""
    send(1)
    consumer = start(handler)
    step_until(lambda: lag() == 0, consumer)
    monkeypatch.setattr(consumer._kafka, "poll", _fetch_nothing)
    monkeypatch.setattr(stall, "STALL_SECONDS", 0.5)
    return consumer


def _fetch_nothing(timeout_ms: int) -> dict[Any, Any]:
    time.sleep(0.05)
    return {}


def _steps_on(consumer: Consumer, seconds: float = 1.2) -> None:
    """For longer than it may stall."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        consumer.step()


def _stalls(consumer: Consumer) -> str:
    with pytest.raises(Stalled) as raised:
        step_until(lambda: False, consumer)
    return str(raised.value)


def test_records_that_are_not_fetched_end_it_with_one_line(stuck: Consumer, send: Send) -> None:
    send(2, 3)
    line = rf"{Topic.FEED.today()}\[0\] stands at \d+ of \d+ for \d+ s, although nothing is away"
    assert re.fullmatch(line, _stalls(stuck))


def test_records_that_the_client_cannot_read_end_it(
    start: Start,
    send: Send,
    handler: Recorder,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a topic that is set to a compression which is not installed."""
    send(1)
    consumer = start(handler)
    step_until(lambda: handler.records, consumer)
    settings.KAFKA_TOPIC_PREFIX = own("zstd-")
    options = topic_admin._options
    monkeypatch.setattr(topic_admin, "_options", lambda **given: _as_zstd(options(**given)))
    topic_admin.ensure_topics()
    send(2)
    with pytest.raises(Unreadable, match="zstd"):
        step_until(lambda: False, consumer, seconds=60)


def _as_zstd(options: dict[str, Any]) -> dict[str, Any]:
    return options | {"configs": options["configs"] | {"compression.type": "zstd"}}


def test_so_does_a_poll_that_fails_again_and_again(
    stuck: Consumer, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the broker answers others."""

    def refused(timeout_ms: int) -> dict[Any, Any]:
        raise vars(consumer_module)["KafkaError"]("not authorized")

    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(stuck._kafka, "poll", refused)
    _steps_on(stuck)
    send(2)
    _stalls(stuck)


def test_without_records_it_may_stand(stuck: Consumer, send: Send) -> None:
    _steps_on(stuck)
    send(2)
    _stalls(stuck)


def test_who_reads_slowly_does_not_stall(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stall, "STALL_SECONDS", 3)
    send(*range(1, 7))
    with monkeypatch.context() as patch:
        patch.setattr(readers, "MAX_RECORDS", 1)
        consumer = start(handler)

    def rest() -> bool:
        time.sleep(0.7)
        return len(handler.records) == 6

    step_until(rest, consumer)
    assert lag() == 0


def test_while_it_holds_it_may_stand_but_not_after_it(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.5)
    handler.errors = [Unavailable()] * 1_000
    send(1)
    consumer = start(handler)
    step_until(lambda: handler.calls, consumer)
    monkeypatch.setattr(stall, "STALL_SECONDS", 0.5)
    _steps_on(consumer)
    assert lag() == 1
    monkeypatch.setattr(consumer._kafka, "poll", _fetch_nothing)
    _stalls(consumer)


def test_while_the_group_is_rebalanced_it_may_stand(stuck: Consumer, send: Send) -> None:
    coordinator = stuck._kafka._coordinator
    states = vars(consumer_module)["MemberState"]
    coordinator.state = states.REBALANCING
    send(2)
    _steps_on(stuck)
    coordinator.state = states.STABLE
    _stalls(stuck)


def test_while_every_poll_is_full_a_partition_may_wait_for_its_turn(
    stuck: Consumer, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(2)
    with monkeypatch.context() as patch:
        patch.setattr(readers, "MAX_RECORDS", 0)  # they all are
        _steps_on(stuck)
    _stalls(stuck)


def test_after_an_outage_it_has_its_time_again(
    stuck: Consumer, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(stall, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def away(_: str) -> None:
        raise BrokerUnavailable

    def step_after(seconds: float) -> None:
        now[0] += seconds
        stuck.step()

    send(2)
    step_after(0)
    step_after(0.3)
    with monkeypatch.context() as patch:
        patch.setattr(topic_admin, "topic_states", away)
        step_after(0.6)
    step_after(0.3)
    step_after(0.3)
    with pytest.raises(Stalled):
        step_after(0.3)
