import time
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import InterfaceError, OperationalError
from prometheus_client import REGISTRY

from conftest import Broker
from newsfeed.events import consumer as consumer_module
from newsfeed.events import dead_letters, failures
from newsfeed.events.registry import encode
from newsfeed.events.tests.conftest import GROUP, Recorder, Send, Start, lag, send_raw, step_until
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.producer import PublishError
from newsfeed.kafka.topics import Topic
from tests.broker import LEAVES_SECONDS
from tests.deadline import wait_until

pytestmark = pytest.mark.usefixtures("topics")


def _metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"consumer": "feed"} | labels) or 0


def test_records_are_handled_and_committed(start: Start, send: Send, handler: Recorder) -> None:
    sent = send(1, 2, 3)
    assert lag() == 3
    first = start(handler)
    step_until(lambda: len(handler.records) == 3, first)
    assert handler.records == sent
    assert lag() == 0
    first.close()
    sent += send(4)
    step_until(lambda: len(handler.records) > 3, start(handler))
    assert handler.records == sent


def test_a_step_tells_how_many_records_it_has_handled(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.2)
    consumer = start(handler)
    for key in range(3):
        send(1, 2, 3, key=key)
    handled = 0
    while handled < 9:
        handled += consumer.step()
    assert (handled, len(handler.records)) == (9, 9)
    assert consumer.step() == 0


def test_the_metrics_count_what_was_handled(start: Start, send: Send, handler: Recorder) -> None:
    def count(outcome: str) -> float:
        return _metric("feed_events_consumed_total", topic="feed", outcome=outcome)

    ok, dead = count("ok"), count("dead_letter")
    send(1, 2)
    send_raw(b"?")
    step_until(lambda: count("dead_letter") > dead, start(handler))
    assert (count("ok"), count("dead_letter")) == (ok + 2, dead + 1)


def test_the_metrics_tell_why_a_record_died_and_what_batches_took(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(reason: str) -> float:
        return _metric("feed_dlq_total", topic="feed", reason=reason)

    monkeypatch.setattr(failures, "RETRY_SECONDS", 0.0)
    handler.poison = {2}
    batches = _metric("feed_event_processing_seconds_count", topic="feed")
    records = _metric("feed_batch_size_sum", topic="feed")
    invalid, failed = dead("invalid"), dead("failed")
    send(1, 2)
    send_raw(b"?")
    step_until(lambda: lag() == 0, start(handler))
    assert (dead("invalid"), dead("failed")) == (invalid + 1, failed + 1)
    assert _metric("feed_event_processing_seconds_count", topic="feed") > batches
    assert _metric("feed_batch_size_sum", topic="feed") == records + 3


def test_the_lag_is_the_groups_as_kafka_tells_it(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "REFRESH_SECONDS", 0)
    rebalances = _metric("feed_rebalances_total")
    send(1, 2, 3)
    consumer = start(handler)
    consumer.step()
    assert _metric("feed_consumer_lag", topic="feed") == 3
    step_until(lambda: lag() == 0, consumer)
    consumer.step()
    assert _metric("feed_consumer_lag", topic="feed") == 0
    assert _metric("feed_rebalances_total") > rebalances
    assert time.time() - _metric("feed_last_poll_timestamp_seconds") < 60


def test_invalid_records_become_dead_letters_and_the_partition_moves_on(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    good = send(1)
    invalid = [b"\xff\xfe", b"", encode(good[0]).replace(b'"post_id":1', b'"post_id":-1')]
    send_raw(*invalid)
    good += send(2)
    step_until(lambda: lag() == 0, start(handler))
    assert handler.records == good
    letters = broker.records(Topic.FEED.dead_letters)
    assert [letter.value for letter in letters] == invalid
    _, *originals, _ = broker.records(Topic.FEED.today())
    for letter, original in zip(letters, originals, strict=True):
        headers = {name: text.decode() for name, text in letter.headers}
        assert headers["origin-topic"] == original.topic
        assert headers["origin-partition"] == str(original.partition)
        assert headers["origin-offset"] == str(original.offset)
        assert headers["error"].startswith("InvalidRecord: ")


@pytest.mark.parametrize(
    "error",
    [Unavailable("redis"), PublishError("kafka"), OperationalError(2006), InterfaceError(0)],
    ids=repr,
)
def test_what_cannot_be_handled_now_is_held_and_handled_later(
    start: Start, send: Send, handler: Recorder, broker: Broker, error: Exception
) -> None:
    sent = send(1, 2, 3)
    handler.errors = [error, error]
    consumer = start(handler)
    step_until(lambda: len(handler.calls) == 1, consumer)
    assert _metric("feed_consumer_held") == 1
    assert lag() == 3
    step_until(lambda: handler.records, consumer)
    assert handler.calls == [sent, sent, sent]
    assert _metric("feed_consumer_held") == 0
    assert lag() == 0
    assert broker.records(Topic.FEED.dead_letters) == []


def test_while_it_holds_it_polls_and_gets_nothing(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 600)  # holds for 2 min
    sent = send(1, 2)
    handler.errors = [Unavailable()]
    consumer = start(handler)
    step_until(lambda: handler.calls, consumer)
    sent += send(3)
    assert consumer.step() == 0
    assert len(handler.calls) == 1
    monkeypatch.setattr(consumer, "_resume_at", 0)
    step_until(lambda: len(handler.records) == 3, consumer)
    assert handler.records == sent


def test_a_poll_that_fails_is_tried_again(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send(1, 2)
    consumer = start(handler)
    with monkeypatch.context() as patch:
        patch.setattr(consumer._kafka, "poll", _fail)
        assert consumer.step() == 0
    step_until(lambda: handler.records, consumer)
    assert handler.records == sent


def _fail(**_: object) -> None:
    raise vars(consumer_module)["KafkaError"]("the coordinator went")


def test_it_does_not_spin_while_a_heartbeat_is_not_answered(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = start(handler)
    send(1)
    step_until(lambda: handler.records, consumer)
    fetch = Mock(wraps=consumer._kafka._fetcher.fetch_records)
    monkeypatch.setattr(consumer._kafka._fetcher, "fetch_records", fetch)
    monkeypatch.setattr(consumer._kafka._coordinator, "time_to_next_heartbeat", lambda: 0)
    assert consumer.step() == 0
    assert fetch.call_count <= 12  # in the second that it waits for records
    send(2)
    step_until(lambda: len(handler.records) == 2, consumer)


def test_all_partitions_come_again_from_where_they_were(
    start: Start, send: Send, handler: Recorder
) -> None:
    sent = [record for key in range(3) for record in send(10 * key + 1, 10 * key + 2, key=key)]
    handler.errors = [Unavailable()] * 3
    step_until(lambda: lag() == 0, start(handler))
    assert sorted(handler.records, key=lambda r: r.post_id) == sent


def test_an_invalid_record_stays_until_its_dead_letter_is_safe(
    start: Start, handler: Recorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[Exception] = [Unavailable("Kafka"), OperationalError(2006)]
    keep = dead_letters.keep

    def fail_first(letters: Any) -> None:
        if failures:
            raise failures.pop()
        keep(letters)

    monkeypatch.setattr(dead_letters, "keep", fail_first)
    send_raw(b"?")
    consumer = start(handler)
    step_until(lambda: not failures, consumer)
    assert lag() == 1
    step_until(lambda: lag() == 0, consumer)
    assert [letter.value for letter in broker.records(Topic.FEED.dead_letters)] == [b"?"]


def test_a_crash_commits_nothing_and_the_next_consumer_gets_the_same(
    start: Start, send: Send, handler: Recorder
) -> None:
    sent = send(1, 2, 3)
    handler.errors = [SystemExit("a crash")]
    consumer = start(handler)
    with pytest.raises(SystemExit, match="a crash"):
        step_until(lambda: handler.records, consumer)
    assert lag() == 3
    consumer.close()
    step_until(lambda: handler.records, start(handler))
    assert handler.records == sent
    assert lag() == 0


def test_what_could_not_be_committed_is_committed_later_without_being_handled_again(
    start: Start, send: Send, handler: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.2)
    consumer = start(handler)
    sent = send(1, 2)

    def refuse(*_: object, **__: object) -> None:
        raise vars(consumer_module)["KafkaError"]("the coordinator moves")

    with monkeypatch.context() as patch:
        patch.setattr(consumer._kafka, "commit", refuse)
        step_until(lambda: handler.records, consumer)
    assert lag() == 2
    step_until(lambda: lag() == 0, consumer)
    assert handler.calls == [sent]


def test_a_member_that_leaves_hands_its_partitions_over_at_once(
    start: Start, send: Send, handler: Recorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.2)
    other = Recorder()
    leaves, stays = start(other), start(handler)
    both = [record for key in range(3) for record in send(key + 1, key=key)]
    step_until(lambda: lag() == 0, leaves, stays)
    assert sorted(r.post_id for r in [*handler.records, *other.records]) == [1, 2, 3]
    leaves.close()
    wait_until(lambda: broker.members(f"{GROUP}-feed") == 1, LEAVES_SECONDS, "it has left")
    handler.records = []
    for key in range(3):
        send(key + 1, key=key)
    step_until(lambda: len(handler.records) == 3, stays)
    assert sorted(handler.records, key=lambda r: r.post_id) == both
