"""What the consumer does when a handler raises what nobody expected."""

import time
from itertools import pairwise

import pytest
from django.db import InterfaceError, OperationalError
from prometheus_client import REGISTRY

from conftest import Broker
from feeds.events import FeedRecord
from newsfeed.events import failures, metrics
from newsfeed.events.registry import encode
from newsfeed.events.tests.conftest import (
    KNOWN,
    Recorder,
    Send,
    Start,
    lag,
    send_raw,
    step_until,
)
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic

pytestmark = pytest.mark.usefixtures("topics")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "RETRY_SECONDS", 0.01)


def _letters(broker: Broker) -> list[tuple[bytes, str, str]]:
    """Value, error and attempts of each."""
    found = []
    for record in broker.records(Topic.FEED.dead_letters):
        headers = {name: text.decode() for name, text in record.headers}
        found.append((record.value, headers["error"], headers["attempts"]))
    return found


def _ids(records: list[FeedRecord]) -> list[int]:
    return [record.post_id for record in records]


@pytest.mark.parametrize("failing", [1, 2])
def test_a_batch_that_fails_once_or_twice_is_handled_again(
    start: Start, send: Send, handler: Recorder, broker: Broker, failing: int
) -> None:
    sent = send(1, 2, 3)
    handler.errors = [ValueError("a bug")] * failing
    step_until(lambda: lag() == 0, start(handler))
    assert handler.records == sent
    assert broker.records(Topic.FEED.dead_letters) == []


def test_retries_are_counted(start: Start, send: Send, handler: Recorder) -> None:
    def retried() -> float:
        return (
            REGISTRY.get_sample_value(
                "feed_events_retried_total", {"consumer": "feed", "topic": "feed"}
            )
            or 0
        )

    before = retried()
    send(1)
    handler.errors = [ValueError("a bug")]
    step_until(lambda: lag() == 0, start(handler))
    assert retried() == before + 1


def test_the_third_try_is_one_by_one_and_only_the_culprits_die(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    handler.poison = {2, 4}
    send(1, 2, 3, 4, 5)
    sent = [record.value for record in broker.records(Topic.FEED.today())]
    step_until(lambda: lag() == 0, start(handler))
    assert [_ids(call) for call in handler.calls[:2]] == [[1, 2, 3, 4, 5]] * 2
    assert [_ids(call) for call in handler.calls[2:]] == [[n] for n in range(1, 6)]
    assert _ids(handler.records) == [1, 3, 5]
    assert _letters(broker) == [
        (sent[1], "ValueError: poison 2", "3"),
        (sent[3], "ValueError: poison 4", "3"),
    ]


def test_a_bad_record_among_them_is_dead_at_once(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    handler.poison = {2}
    send(1)
    send_raw(b"?")
    send(2)
    step_until(lambda: lag() == 0, start(handler))
    bad, poison = _letters(broker)
    assert (bad[0], bad[2]) == (b"?", "1")
    assert poison[1:] == ("ValueError: poison 2", "3")


def test_records_of_unknown_types_are_skipped_and_counted_and_stop_nobody(
    start: Start, handler: Recorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than dead letters would be borne."""
    monkeypatch.setattr(metrics, "_types", set())
    monkeypatch.setattr(metrics, "MAX_TYPES", 1)
    before = [_skipped("LATER_1"), _skipped("other")]
    values = [b'{"type":"LATER_1"}', b'{"type":"LATER_2"}'] * 75
    send_raw(*values, encode(KNOWN), b'{"type":"FOLLOW"}', topic=Topic.ACTIVITY.today())
    step_until(lambda: lag() == 0, start(handler, Topic.ACTIVITY))
    assert handler.records == [KNOWN]
    assert [letter.value for letter in broker.records(Topic.ACTIVITY.dead_letters)] == [
        b'{"type":"FOLLOW"}'
    ]
    assert [_skipped("LATER_1"), _skipped("other")] == [before[0] + 75, before[1] + 75]


def _skipped(type_: str) -> float:
    labels = {"consumer": "visibility", "type": type_}
    return REGISTRY.get_sample_value("feed_events_skipped_total", labels) or 0


@pytest.mark.parametrize("calls", [1, 2, 3])
@pytest.mark.parametrize(
    "error", [Unavailable("redis"), OperationalError(2006), InterfaceError(0)], ids=repr
)
def test_what_goes_away_between_the_tries_makes_no_dead_letter(
    start: Start, send: Send, handler: Recorder, broker: Broker, error: Exception, calls: int
) -> None:
    sent = send(1, 2)
    handler.errors = [*[ValueError("a bug")] * (calls - 1), error]
    consumer = start(handler)
    step_until(lambda: len(handler.calls) == calls, consumer)
    assert lag() == 2
    step_until(lambda: lag() == 0, consumer)
    assert handler.records[-2:] == sent
    assert broker.records(Topic.FEED.dead_letters) == []


def test_between_the_tries_there_is_a_second(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    times: list[float] = []

    def fail_twice(records: list[FeedRecord]) -> None:
        times.append(time.monotonic())
        handler(records)

    handler.errors = [ValueError("a bug")] * 2
    send(1)
    step_until(lambda: handler.records, start(fail_twice))
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(waits) == 2
    assert 1 <= min(waits) < 2
