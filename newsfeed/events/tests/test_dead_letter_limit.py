"""So many dead letters that the consumer stops instead."""

import time

import pytest

from conftest import Broker
from newsfeed.events import dead_letters, failures
from newsfeed.events.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from newsfeed.events.models import DeadLetter
from newsfeed.events.tests.conftest import Recorder, Send, Start, lag, send_raw, step_until
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic

GOOD, DEAD = [False], [True]


def test_a_hundred_in_a_row_are_borne_and_not_one_more() -> None:
    limit = DeadLetterLimit().plus(DEAD * 60).plus(DEAD * 40)
    with pytest.raises(
        TooManyDeadLetters, match=r"^more than 100 dead letters in a row; this batch is not"
    ):
        limit.plus(DEAD)


def test_a_good_record_ends_the_row() -> None:
    limit = DeadLetterLimit().plus(DEAD * 60 + GOOD + DEAD * 40)
    limit = limit.plus(DEAD * 60)
    with pytest.raises(TooManyDeadLetters):
        limit.plus(DEAD)
    limit.plus(GOOD)


def test_a_fifth_of_the_records_is_borne_and_not_one_more() -> None:
    fifth = (DEAD + GOOD * 4) * 100
    limit = DeadLetterLimit().plus(fifth).plus(fifth)
    with pytest.raises(TooManyDeadLetters) as raised:
        limit.plus(DEAD)
    assert str(raised.value) == (
        "201 of the last minute's 1001 records are dead letters; this batch is not committed"
    )


def test_of_few_records_no_share_is_taken() -> None:
    limit = DeadLetterLimit().plus((DEAD + GOOD) * 249)
    with pytest.raises(TooManyDeadLetters):
        limit.plus(DEAD + GOOD)


def test_what_is_older_than_a_minute_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = DeadLetterLimit().plus((DEAD + GOOD) * 249)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 59)
    with pytest.raises(TooManyDeadLetters):
        limit.plus((DEAD + GOOD) * 10)
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    later = limit.plus((DEAD + GOOD) * 10)
    assert [records for records, _ in later.by_second.values()] == [20]


@pytest.mark.usefixtures("topics")
def test_beyond_it_nothing_of_the_batch_is_committed_or_kept(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    sent = send(1)
    send_raw(*[b"?"] * 101)
    with pytest.raises(TooManyDeadLetters):
        step_until(lambda: lag() == 0, start(handler))
    assert handler.records == sent
    assert lag() == 102
    assert broker.records(Topic.FEED.dead_letters) == []


@pytest.mark.usefixtures("topics")
def test_a_hundred_bad_records_are_put_aside_and_it_goes_on(
    start: Start, send: Send, handler: Recorder, broker: Broker
) -> None:
    send_raw(*[b"?"] * 100)
    sent = send(1)
    step_until(lambda: lag() == 0, start(handler))
    assert handler.records == sent
    assert len(broker.records(Topic.FEED.dead_letters)) == 100


@pytest.mark.usefixtures("topics")
def test_a_handler_with_a_bug_does_not_put_everything_aside(
    start: Start, send: Send, handler: Recorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "RETRY_SECONDS", 0.01)
    handler.poison = set(range(1, 102))
    send(*handler.poison)
    consumer = start(handler)
    with pytest.raises(TooManyDeadLetters):
        step_until(lambda: lag() == 0, consumer)
    assert lag() == 101
    assert broker.records(Topic.FEED.dead_letters) == []


@pytest.mark.usefixtures("topics")
def test_a_batch_that_is_held_counts_once(
    start: Start, handler: Recorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, failing = dead_letters.keep, [Unavailable(), Unavailable()]

    def fail_first(letters: list[DeadLetter]) -> None:
        if failing:
            raise failing.pop()
        keep(letters)

    monkeypatch.setattr(dead_letters, "keep", fail_first)
    send_raw(*[b"?"] * 60)
    step_until(lambda: lag() == 0, start(handler))
    assert not failing
    assert len(broker.records(Topic.FEED.dead_letters)) == 60
