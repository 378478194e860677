from dataclasses import dataclass
from typing import Any

import pytest

from newsfeed.kafka import in_flight
from newsfeed.kafka.in_flight import InFlight


@dataclass
class Future:
    is_done: bool = False


def _futures(count: int) -> list[Any]:
    return [Future() for _ in range(count)]


def _settle(futures: list[Any]) -> None:
    for future in futures:
        future.is_done = True


def test_records_count_until_all_they_were_sent_with_are_settled() -> None:
    sent, flight = _futures(3), InFlight()
    flight.add(sent)
    flight.add([])
    _settle(sent[1:])
    assert flight.waiting().records == 3
    _settle(sent)
    assert flight.waiting().records == 0
    assert flight.waiting().seconds < 60  # not since the machine started


def test_one_record_that_is_late_does_not_fill_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "MAX_RECORDS", 10)
    late, others, flight = _futures(1), _futures(9), InFlight()
    flight.add(late)
    flight.add(others)
    assert flight.waiting().records == 10
    _settle(others)
    assert flight.waiting().records == 1
    _settle(late)
    assert flight.waiting().records == 0
