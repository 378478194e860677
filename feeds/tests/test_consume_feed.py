"""`manage.py consume_feed` as a process of its own."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import User
from conftest import Broker
from feeds.tests.conftest import crowd, edges, lag, make_ready, stored_ids
from feeds.tests.processes import Process, mysql_away, nobody
from follows.services import follow
from newsfeed.events.consumer import Consumer
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from newsfeed.workers import loop
from posts.services import create_post
from tests.broker import LEAVES_SECONDS
from tests.deadline import wait_until
from tests.names import own

GROUP = own("process")
Start = Callable[..., Process]


@pytest.fixture
def own_topics(broker: Broker, settings: Settings) -> None:
    """Topics and a group of which the other tests' consumer knows nothing."""
    settings.KAFKA_TOPIC_PREFIX, settings.KAFKA_CONSUMER_GROUP = own("process-"), GROUP
    settings.KAFKA_PARTITIONS = 3
    topic_admin.ensure_topics()
    broker.skip_to_end()
    producer.warm()


@pytest.fixture
def start(transactional_db: None, own_topics: None, tmp_path: Path) -> Iterator[Start]:
    """Starts a consumer, with options and other variables in its environment if there are some."""
    processes: list[Process] = []

    def run(*options: str, command: str = "consume_feed", **variables: str) -> Process:
        processes.append(Process(tmp_path, command, *options, **variables))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()


def _has_work(process: Process, author: User) -> bool:
    """Posts, until the process has consumed something of it."""
    create_post(user_id=author.pk, content="?")
    zero = 'feed_events_consumed_total{consumer="feed",outcome="ok",topic="feed"} 0.0'
    return process.is_alive() and zero not in process.ask("/metrics")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_delivers_posts_until_a_signal_ends_it_with_0(
    start: Start, alice: User, bob: User, number: signal.Signals
) -> None:
    edges(alice, [bob])
    make_ready(bob.pk)
    process = start()
    post = create_post(user_id=alice.pk, content="안녕")
    process.wait_until(lambda: stored_ids(bob.pk) == [post.pk])
    process.wait_until(lambda: lag() == 0)
    assert process.is_alive()
    assert process.end(number) == 0
    assert "stopped" in process.log()
    assert "Traceback" not in process.log()


def test_what_was_posted_while_none_ran_is_delivered_by_the_next(
    start: Start, alice: User, bob: User
) -> None:
    edges(alice, [bob])
    make_ready(bob.pk)
    ids = [create_post(user_id=alice.pk, content=f"{n}").pk for n in range(3)]
    assert stored_ids(bob.pk) == []
    assert lag() > 0
    start().wait_until(lambda: stored_ids(bob.pk) == ids[::-1])


def test_two_share_the_work_and_one_that_ends_leaves_it_to_the_other(
    start: Start, broker: Broker, alice: User
) -> None:
    fans = crowd(6)  # some on each partition
    edges(alice, fans)
    both = start(), start()
    both[0].wait_until(lambda: _has_work(both[0], alice))
    both[0].wait_until(lambda: _has_work(both[1], alice))
    for fan in fans:
        make_ready(fan.pk)
    both[0].wait_until(lambda: lag() == 0)
    assert both[0].end() == 0
    wait_until(lambda: broker.members(f"{GROUP}-feed") == 1, LEAVES_SECONDS, "it has left")
    last = create_post(user_id=alice.pk, content="to the other")
    both[1].wait_until(lambda: all(last.pk in stored_ids(fan.pk) for fan in fans))
    assert both[1].end() == 0


def test_without_kafka_it_lives_says_so_and_ends_with_0(start: Start) -> None:
    process = start(KAFKA_BOOTSTRAP_SERVERS=nobody())
    process.wait_until(process.is_alive)
    process.wait_until(lambda: "cannot look for offsets" in process.log())
    assert process.is_alive()
    assert process.end() == 0


def test_too_many_dead_letters_end_it_with_1_and_one_line(start: Start, broker: Broker) -> None:
    bad = [producer.Message(Topic.FEED.today(), 1, b"?")] * 101
    producer.send(bad).wait(60)
    process = start()
    assert process.wait() == 1
    said = "Stopped: more than 100 dead letters in a row; this batch is not committed"
    assert process.log().splitlines()[-1] == f"CommandError: {said}"
    assert "Traceback" not in process.log()
    assert lag() == 101
    assert broker.records(Topic.FEED.dead_letters) == []
    # Until somebody has looked, and starts one that puts them aside.
    process = start("--put-aside")
    process.wait_until(lambda: lag() == 0)
    assert process.end() == 0
    assert [letter.value for letter in broker.records(Topic.FEED.dead_letters)] == [b"?"] * 101


@pytest.mark.parametrize("away", ["REDIS_URL", "DATABASE_URL"])
def test_without_a_server_that_it_needs_it_holds_and_ends_with_0(
    start: Start, alice: User, bob: User, away: str
) -> None:
    follow(follower_id=bob.pk, followee_id=alice.pk)  # whose event needs both of them
    urls = {"REDIS_URL": f"redis://{nobody()}/1", "DATABASE_URL": mysql_away()}
    process = start("visibility", command="consume", **{away: urls[away]})
    process.wait_until(lambda: "holding for" in process.log())
    assert process.is_alive()
    assert process.end() == 0
    assert lag("visibility") == 1
    start("visibility", command="consume").wait_until(lambda: lag("visibility") == 0)


def test_the_group_is_left_also_when_a_step_raises(
    own_topics: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Consumer] = []
    close = Consumer.close

    def leave(consumer: Consumer) -> None:
        close(consumer)
        left.append(consumer)

    monkeypatch.setattr(Consumer, "close", leave)
    monkeypatch.setattr(loop, "run", Mock(side_effect=RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        call_command("consume_feed")
    assert len(left) == 1


def test_an_unknown_consumer_is_told_with_the_known_ones() -> None:
    known = "There is no consumer fed. There are: feed, visibility."
    with pytest.raises(CommandError, match=known):
        call_command("consume", "feed", "fed")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--metrics-port", "high"), "argument --metrics-port: invalid int value: 'high'"),
        (("--limit", "5"), "unrecognized arguments: --limit 5"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_runs(
    own_topics: None, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], sentence: str
) -> None:
    ports: list[int] = []
    monkeypatch.setattr(loop, "run", lambda _, *, port: ports.append(port))
    with pytest.raises(CommandError, match=sentence):
        call_command("consume_feed", *options)
    assert ports == []
    call_command("consume_feed")
    call_command("consume_feed", "--metrics-port", "9100")
    assert ports == [0, 9100]
