"""`manage.py consume_feed --topic NAME --from-beginning --once`."""

import signal
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from conftest import NEW_PREFIX, Broker, Redis
from feeds import store
from feeds.consumers import push_posts
from feeds.events import FeedRecord
from feeds.tests.conftest import Away, crowd, edges, lag, make_ready, replace_handler, stored_ids
from follows.services import follow
from newsfeed.exceptions import Unavailable
from newsfeed.kafka import producer, readers, topic_admin
from newsfeed.kafka.topics import Topic
from newsfeed.workers import loop
from posts.services import create_post

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture(autouse=True)
def _topics(new_topics: None) -> None:
    topic_admin.ensure_topics()
    producer.warm()


@pytest.fixture
def fans(alice: User) -> list[User]:
    """Who follow alice; their feeds are ready, and empty."""
    fans = crowd(4)
    edges(alice, fans)
    for fan in fans:
        make_ready(fan.pk)
    return fans


def _again(topic: str) -> str:
    """What the command says."""
    output = StringIO()
    call_command("consume_feed", "--topic", topic, "--from-beginning", "--once", stdout=output)
    return output.getvalue()


def _posts(author: User, count: int) -> list[int]:
    """Published, newest first."""
    return [create_post(user_id=author.pk, content=f"{n}").pk for n in range(count)][::-1]


def test_a_days_topic_is_applied_again_and_that_changes_nothing_more(
    alice: User, fans: list[User]
) -> None:
    ids = _posts(alice, 3)
    for _ in range(2):
        assert _again(Topic.FEED.today()) == "12 records handled, 0 skipped, 0 left out\n"
        assert [stored_ids(fan.pk) for fan in fans] == [ids] * 4


def test_follows_of_the_day_are_applied_again(alice: User, bob: User, redis: Redis) -> None:
    ids = _posts(alice, 1)
    assert _again(Topic.ACTIVITY.today()) == "0 records handled, 1 skipped, 0 left out\n"
    assert not redis.exists(store.key(bob.pk))
    follow(follower_id=bob.pk, followee_id=alice.pk)
    assert _again(Topic.ACTIVITY.today()) == "1 records handled, 1 skipped, 0 left out\n"
    assert stored_ids(bob.pk) == ids


def test_a_signal_ends_it_between_two_batches(
    alice: User, fans: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    _posts(alice, 3)
    batches: list[int] = []

    def handle(records: list[FeedRecord]) -> None:
        signal.raise_signal(signal.SIGTERM)
        push_posts(records)
        batches.append(len(records))

    replace_handler(monkeypatch, "feed", handle)
    monkeypatch.setattr(readers, "MAX_RECORDS", 2)
    said = _again(Topic.FEED.today())
    assert len(batches) == 1
    assert said == f"{batches[0]} records handled, 0 skipped, 0 left out\n"
    assert sum(len(stored_ids(fan.pk)) for fan in fans) == batches[0] < 12


def test_other_topics_are_left_alone(
    alice: User, fans: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    (today,) = _posts(alice, 1)
    with monkeypatch.context() as patch:
        tomorrow = timezone.localdate() + timedelta(days=1)
        patch.setattr(timezone, "localdate", lambda: tomorrow)
        (later,) = _posts(alice, 1)
        topic = Topic.FEED.today()
    assert _again(Topic.FEED.today()) == "4 records handled, 0 skipped, 0 left out\n"
    assert stored_ids(fans[0].pk) == [today]
    assert _again(topic) == "4 records handled, 0 skipped, 0 left out\n"
    assert stored_ids(fans[0].pk) == [later, today]


def test_nothing_is_committed(alice: User, fans: list[User], broker: Broker) -> None:
    _posts(alice, 1)
    _again(Topic.FEED.today())
    assert lag() == 4
    broker.skip_to_end()
    assert lag() == 0
    assert _again(Topic.FEED.today()) == "4 records handled, 0 skipped, 0 left out\n"


def test_what_comes_meanwhile_is_left_to_the_consumers(
    alice: User, fans: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[int] = []

    def post_once_more(records: list[FeedRecord]) -> None:
        if not handled:
            _posts(alice, 1)
        handled.extend(record.post_id for record in records)
        push_posts(records)

    before = _posts(alice, 2)
    replace_handler(monkeypatch, "feed", post_once_more)
    assert _again(Topic.FEED.today()) == "8 records handled, 0 skipped, 0 left out\n"
    assert set(handled) == set(before)
    assert _again(Topic.FEED.today()) == "12 records handled, 0 skipped, 0 left out\n"


def test_what_cannot_be_read_is_told_and_is_no_dead_letter_again(
    alice: User, fans: list[User], broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    ids = _posts(alice, 1)
    producer.send([producer.Message(Topic.FEED.today(), 1, b"?")]).wait(60)
    assert _again(Topic.FEED.today()) == "4 records handled, 0 skipped, 1 left out\n"
    assert f"left out: {Topic.FEED.today()}[1]@" in caplog.text
    assert stored_ids(fans[0].pk) == ids
    assert broker.records(Topic.FEED.dead_letters) == []


def test_an_empty_topic_is_done_at_once() -> None:
    assert _again(Topic.FEED.today()) == "0 records handled, 0 skipped, 0 left out\n"


@pytest.mark.parametrize(
    ("topic", "sentence"),
    [
        (f"{NEW_PREFIX}feed-20200101", f"There is no topic {NEW_PREFIX}feed-20200101."),
        (f"{NEW_PREFIX}feed.DLT", f"{NEW_PREFIX}feed.DLT is not the name of a dated topic"),
        ("feed-20200101", "feed-20200101 is not the name of a dated topic"),
    ],
    ids=["missing", "dead letters", "another prefix"],
)
def test_a_topic_that_cannot_be_is_told(topic: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=f"^{sentence}"):
        _again(topic)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--topic", "T"), "--topic, --from-beginning and --once go together."),
        (("--topic", ""), "--topic, --from-beginning and --once go together."),
        (("--from-beginning",), "--topic, --from-beginning and --once go together."),
        (("--once",), "--topic, --from-beginning and --once go together."),
        (("--topic", "T", "--once"), "--topic, --from-beginning and --once go together."),
        (("--topic", "T", "--from-beginning"), "--topic, --from-beginning and --once go together."),
        (
            ("--topic", "T", "--from-beginning", "--once", "--metrics-port", "9100"),
            "--metrics-port and --put-aside do not go with --once.",
        ),
    ],
)
def test_options_that_do_not_go_together_are_told_and_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], sentence: str
) -> None:
    ran: list[object] = []
    monkeypatch.setattr(loop, "run", lambda *_, **__: ran.append(1))
    with pytest.raises(CommandError, match=sentence):
        call_command("consume_feed", *options)
    assert ran == []
    call_command("consume_feed")
    assert ran == [1]


@pytest.mark.parametrize("server", ["kafka", "redis"])
def test_without_a_server_it_ends_and_may_be_run_again(
    alice: User, fans: list[User], kafka_away: Away, redis_away: Away, server: str
) -> None:
    ids = _posts(alice, 1)
    away = {"kafka": kafka_away, "redis": redis_away}[server]
    with away(), pytest.raises(Unavailable):
        _again(Topic.FEED.today())
    assert _again(Topic.FEED.today()) == "4 records handled, 0 skipped, 0 left out\n"
    assert stored_ids(fans[0].pk) == ids
