"""`manage.py relay_outbox` as a process of its own."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from accounts.models import User
from conftest import Broker
from feeds.tests.conftest import crowd, edges
from feeds.tests.processes import Process, mysql_away, nobody
from newsfeed.events import outbox, relay
from newsfeed.events.management.commands import relay_outbox
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from newsfeed.workers import loop
from posts.services import create_post
from tests.deadline import assert_quick
from tests.names import own

Start = Callable[..., Process]


@pytest.fixture
def own_topics(broker: Broker, settings: Settings) -> None:
    """Topics of which the other tests' consumer knows nothing."""
    settings.KAFKA_TOPIC_PREFIX, settings.KAFKA_PARTITIONS = own("process-"), 3
    topic_admin.ensure_topics()
    producer.warm()
    broker.mark()


@pytest.fixture
def start(
    transactional_db: None, own_topics: None, settings: Settings, tmp_path: Path
) -> Iterator[Start]:
    """Starts a relay, with other variables in its environment if there are some."""
    settings.FANOUT_INLINE_LIMIT = 0  # all posts of authors with followers are the relay's
    processes: list[Process] = []

    def run(**variables: str) -> Process:
        processes.append(Process(tmp_path, "relay_outbox", **variables))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()


@pytest.fixture
def in_bulk(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The command runs in this process, whose producer is the other tests' as well."""
    monkeypatch.setattr(producer, "close", close := Mock())
    monkeypatch.setattr(producer, "send_in_bulk", in_bulk := Mock(close=close))
    return in_bulk


@pytest.fixture
def fans(alice: User) -> list[User]:
    """Who follow alice."""
    fans = crowd(4)
    edges(alice, fans)
    return fans


def _outbox_is_empty() -> bool:
    return not OutboxEvent.objects.exists()


def _receivers(broker: Broker) -> list[int]:
    values = [json.loads(record.value) for record in broker.records(Topic.FEED.today())]
    return sorted(value["follower_id"] for value in values)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_publishes_what_waits_until_a_signal_ends_it_with_0(
    start: Start, broker: Broker, alice: User, fans: list[User], number: signal.Signals
) -> None:
    create_post(user_id=alice.pk, content="안녕")
    assert OutboxEvent.objects.count() == 1
    assert _receivers(broker) == []
    process = start()
    process.wait_until(_outbox_is_empty)
    assert _receivers(broker) == [fan.pk for fan in fans]
    process.wait_until(process.is_alive)
    assert process.end(number) == 0
    assert "stopped" in process.log()
    assert "Traceback" not in process.log()


def test_it_publishes_what_comes_later_within_a_second(
    start: Start, broker: Broker, alice: User, fans: list[User]
) -> None:
    create_post(user_id=alice.pk, content="first")
    process = start()
    process.wait_until(_outbox_is_empty)
    posts = ["first"]

    def post_and_wait() -> None:
        posts.append("later")
        create_post(user_id=alice.pk, content="later")
        process.wait_until(_outbox_is_empty)

    assert_quick(post_and_wait, 1)
    assert _receivers(broker) == sorted(len(posts) * [fan.pk for fan in fans])


def test_two_publish_each_event_once(
    start: Start, broker: Broker, alice: User, fans: list[User]
) -> None:
    for number in range(50):
        create_post(user_id=alice.pk, content=f"{number}")
    both = start(), start()
    for process in both:
        process.wait_until(process.is_alive)
    both[0].wait_until(_outbox_is_empty)
    assert [process.end() for process in both] == [0, 0]
    assert _receivers(broker) == sorted(50 * [fan.pk for fan in fans])


def test_without_kafka_the_events_wait_for_one_that_has_it(
    start: Start, broker: Broker, alice: User, fans: list[User]
) -> None:
    create_post(user_id=alice.pk, content="later")
    process = start(KAFKA_BOOTSTRAP_SERVERS=nobody())
    process.wait_until(lambda: "failed; will retry" in process.log())
    assert process.is_alive()
    assert process.end() == 0
    assert OutboxEvent.objects.get().last_error
    assert _receivers(broker) == []
    start().wait_until(_outbox_is_empty)
    assert _receivers(broker) == [fan.pk for fan in fans]


def test_it_tells_how_many_events_wait_and_how_long(
    start: Start, alice: User, fans: list[User]
) -> None:
    create_post(user_id=alice.pk, content="later")
    OutboxEvent.objects.update(created_at=Now() - timedelta(seconds=70))
    process = start(KAFKA_BOOTSTRAP_SERVERS=nobody())
    process.wait_until(
        lambda: process.is_alive() and "\nfeed_outbox_depth 1.0\n" in process.ask("/metrics")
    )
    _, _, age = process.ask("/metrics").partition("\nfeed_outbox_oldest_age_seconds ")
    assert 70 <= float(age.split()[0]) < 600


def test_without_mysql_it_waits_and_ends_with_0(start: Start) -> None:
    away = start(DATABASE_URL=mysql_away())
    away.wait_until(lambda: away.log().count("waiting for MySQL: OperationalError") > 1)
    assert away.is_alive()
    assert away.end() == 0


@pytest.mark.usefixtures("transactional_db", "own_topics")
def test_what_it_held_when_mysql_went_does_not_wait_for_its_lease(
    alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim_and_fail(name: str) -> int:
        assert outbox.claim(name, 10)
        raise OperationalError(2013, "lost")

    monkeypatch.setattr(relay_outbox, "AWAY_SECONDS", 0)
    command = relay_outbox.Command()
    settings.FANOUT_INLINE_LIMIT = 0
    edges(alice, crowd(1))
    create_post(user_id=alice.pk, content="x")
    OutboxEvent.objects.update(claimed_until=Now())
    with monkeypatch.context() as patch:
        patch.setattr(relay, "relay", claim_and_fail)
        assert command.step("me") == 0
    assert outbox.claim("another", 10) == []
    assert command.step("me") == 1
    assert not OutboxEvent.objects.exists()


def test_a_step_names_the_host_and_the_process(
    db: None, in_bulk: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(relay, "relay", names.append)
    monkeypatch.setattr(loop, "run", lambda step, **_: step())
    call_command("relay_outbox")
    (name,) = names
    host, _, pid = name.rpartition(":")
    assert (bool(host), pid) == (True, str(os.getpid()))


def test_what_is_left_is_sent_also_when_a_step_raises(
    in_bulk: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "run", Mock(side_effect=RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        call_command("relay_outbox")
    in_bulk.assert_called_once_with()
    in_bulk.close.assert_called_once_with()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--metrics-port", "high"), "argument --metrics-port: invalid int value: 'high'"),
        (("--limit", "5"), "unrecognized arguments: --limit 5"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_runs(
    in_bulk: Mock, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], sentence: str
) -> None:
    ports: list[int] = []
    monkeypatch.setattr(loop, "run", lambda _, *, idle_seconds, port: ports.append(port))
    with pytest.raises(CommandError, match=sentence):
        call_command("relay_outbox", *options)
    assert ports == []
    call_command("relay_outbox")
    call_command("relay_outbox", "--metrics-port", "9100")
    assert ports == [0, 9100]
