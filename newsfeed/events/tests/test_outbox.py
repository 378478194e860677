from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError

from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from newsfeed.events.recording import record
from newsfeed.events.registry import encode
from posts.events import PostCreated

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 60


@pytest.fixture
def at() -> Iterator[Callable[[float], None]]:
    """Sets the database's clock, for this connection: so many seconds after the test began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT UNIX_TIMESTAMP(NOW(6))")
        start = float(cursor.fetchone()[0])

        def set_clock(seconds: float) -> None:
            cursor.execute("SET SESSION timestamp = %s", [start + seconds])

        set_clock(0)
        yield set_clock
        cursor.execute("SET SESSION timestamp = DEFAULT")


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a database connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(connections.close_all).result(SECONDS)


def _record(post_id: int = 1) -> OutboxEvent:
    with transaction.atomic():
        return outbox.add(PostCreated(actor_id=7, post_id=post_id))


def _waiting(count: int = 1) -> list[OutboxEvent]:
    events = [_record(n) for n in range(1, count + 1)]
    for event in events:
        outbox.hand_over(event)
    return events


def _pks(events: list[OutboxEvent]) -> list[int]:
    return [event.pk for event in events]


def test_an_event_is_refused_outside_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        record(PostCreated(actor_id=1, post_id=1))
    assert not OutboxEvent.objects.exists()
    _record()
    assert OutboxEvent.objects.count() == 1


def test_an_event_goes_with_its_transaction() -> None:
    for rolled_back, left in ((True, 0), (False, 1)):
        with transaction.atomic():
            outbox.add(PostCreated(actor_id=1, post_id=1))
            transaction.set_rollback(rolled_back)
        assert OutboxEvent.objects.count() == left


def test_an_event_comes_out_as_it_went_in() -> None:
    event = PostCreated(actor_id=7, post_id=9)
    with transaction.atomic():
        assert outbox.add(event).event_id == event.event_id
    assert outbox.event_of(OutboxEvent.objects.get()) == event
    assert event.occurred_at.utcoffset() == timedelta(0)


def test_fields_of_a_newer_version_go_to_kafka_with_the_others() -> None:
    row = _record(post_id=9)
    event = outbox.event_of(row)
    assert outbox.value_of(row, event) == encode(event)
    row.payload["later"] = {"a": [1, None]}
    row.save()
    row.refresh_from_db()
    assert outbox.event_of(row) == event
    assert outbox.value_of(row, event) == encode(event)[:-1] + b',"later":{"a":[1,null]}}'


def test_the_request_has_two_seconds_before_a_relay_takes_its_event(
    at: Callable[[float], None],
) -> None:
    event = _record()
    at(1.99)
    assert outbox.claim("relay", 10) == []
    at(2.01)
    assert outbox.claim("relay", 10) == [event]


def test_what_a_request_hands_over_is_claimed_at_once(at: Callable[[float], None]) -> None:
    event = _record()
    assert outbox.claim("relay", 10) == []
    outbox.hand_over(event)
    assert outbox.claim("relay", 10) == [event]


def test_a_claimed_event_is_anothers_only_when_the_lease_has_ended(
    at: Callable[[float], None],
) -> None:
    (event,) = _waiting()
    assert outbox.claim("a", 10) == [event]
    at(7.9)
    assert outbox.claim("b", 10) == []
    at(8.1)
    assert outbox.claim("b", 10) == [event]
    event.refresh_from_db()
    assert (event.claimed_by, event.attempts) == ("b", 2)


def test_a_lease_that_is_renewed_begins_anew_and_a_lost_one_is_not_renewed(
    at: Callable[[float], None],
) -> None:
    kept, other = _waiting(2)
    assert outbox.claim("a", 10) == [kept, other]
    at(7)
    outbox.renew([kept], "a")
    at(9)
    assert outbox.claim("b", 10) == [other]
    at(14.9)
    outbox.renew([kept, other], "a")
    at(17.1)
    assert outbox.claim("c", 10) == [other]
    at(23)
    assert outbox.claim("c", 10) == [kept]


def test_two_relays_that_claim_at_once_get_different_events(elsewhere: ThreadPoolExecutor) -> None:
    events = _waiting(10)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE events_outboxevent")
    with transaction.atomic():  # keeps the rows locked, as a relay that stands in its claim
        first = outbox.claim("a", 6)
        second = elsewhere.submit(outbox.claim, "b", 6).result(SECONDS)
    assert len(first) == 6
    assert len(second) == 4
    assert sorted(_pks(first) + _pks(second)) == _pks(events)


def test_an_event_with_a_lower_id_that_commits_later_is_claimed_too(
    elsewhere: ThreadPoolExecutor,
) -> None:
    recorded, go_on = Event(), Event()

    def slow_transaction() -> OutboxEvent:
        with transaction.atomic():
            event = outbox.add(PostCreated(actor_id=1, post_id=1))
            outbox.hand_over(event)
            recorded.set()
            assert go_on.wait(SECONDS)
        return event

    slow: Future[OutboxEvent] = elsewhere.submit(slow_transaction)
    assert recorded.wait(SECONDS)
    (quick,) = _waiting()
    assert outbox.claim("relay", 10) == [quick]
    outbox.published([quick], "relay")
    go_on.set()
    late = slow.result(SECONDS)
    assert late.pk < quick.pk
    assert outbox.claim("relay", 10) == [late]


def test_a_relay_that_looks_for_events_does_not_keep_a_post_waiting(
    elsewhere: ThreadPoolExecutor,
) -> None:
    _waiting(3)
    with transaction.atomic():
        assert len(outbox.claim("relay", 10)) == 3
        elsewhere.submit(_record, 4).result(SECONDS)
    assert OutboxEvent.objects.count() == 4


def test_the_longest_waiting_events_are_claimed_first(at: Callable[[float], None]) -> None:
    first, second, third = _waiting(3)
    outbox.claim("relay", 1)
    at(1)
    outbox.published_up_to(first, 5, "relay")  # back to the end of the line
    at(2)
    claimed = [outbox.claim("relay", 1) for _ in range(4)]
    assert claimed == [[second], [third], [first], []]


def test_a_published_event_is_gone_and_the_others_are_not() -> None:
    first, second = _waiting(2)
    outbox.claim("relay", 10)
    outbox.published([], "relay")
    assert OutboxEvent.objects.count() == 2
    outbox.published([first], "relay")
    assert list(OutboxEvent.objects.all()) == [second]


def test_one_that_lost_its_lease_can_do_nothing_to_the_event(at: Callable[[float], None]) -> None:
    (event,) = _waiting()
    outbox.claim("frozen", 10)
    at(9)
    outbox.claim("successor", 10)
    held = OutboxEvent.objects.values().get()
    outbox.published([event], "frozen")
    outbox.published_up_to(event, 99, "frozen")
    outbox.retry_later(event, "frozen", TimeoutError())
    outbox.renew([event], "frozen")
    outbox.hand_over(event)
    outbox.published([event])  # the request that wrote it
    assert OutboxEvent.objects.values().get() == held
    outbox.published([event], "successor")
    assert not OutboxEvent.objects.exists()


def test_half_a_fan_out_is_anybodys_at_once_and_goes_on_where_it_stood(
    at: Callable[[float], None],
) -> None:
    (event,) = _waiting()
    outbox.claim("a", 10)
    outbox.published_up_to(event, 1234, "a")
    (again,) = outbox.claim("b", 10)
    assert (again.pk, again.published_to, again.attempts) == (event.pk, 1234, 0)


def test_what_fails_again_and_again_waits_longer_and_longer_up_to_ten_seconds(
    at: Callable[[float], None],
) -> None:
    (event,) = _waiting()
    now = 0.0
    for longest in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10):
        (event,) = outbox.claim("relay", 10)
        outbox.retry_later(event, "relay", TimeoutError("x" * 500))
        at(now + longest * 0.49)
        assert outbox.claim("relay", 10) == []
        now += longest * 1.01
        at(now)
    (event,) = outbox.claim("relay", 10)
    assert event.last_error == "x" * 200


def test_a_relay_may_have_the_longest_name_that_kubernetes_gives() -> None:
    _waiting()
    name = "n" * 63 + ":4194304"
    assert len(outbox.claim(name, 10)) == 1
    assert OutboxEvent.objects.filter(claimed_until__gt=Now()).exists()
    outbox.published(list(OutboxEvent.objects.all()), name)
    assert not OutboxEvent.objects.exists()


def test_the_backlog_is_how_many_wait_and_since_when(
    at: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outbox.backlog() == (0, 0)
    _record(1)
    at(60)
    _waiting(2)
    assert outbox.backlog() == (3, 60)
    monkeypatch.setattr(outbox, "MAX_DEPTH", 2)
    assert outbox.backlog() == (2, 60)
