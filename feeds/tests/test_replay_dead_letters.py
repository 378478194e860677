"""`manage.py replay_dead_letters`: from both places, each letter once."""

from datetime import UTC, datetime
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django.fixtures import Settings

from accounts.models import User
from conftest import Broker
from feeds import consumers
from feeds.events import FeedRecord
from feeds.tests.conftest import (
    Away,
    dead_letter,
    edges,
    make_ready,
    read,
    replace_handler,
    stored_ids,
    write_posts,
)
from follows.events import Followed, Unfollowed
from newsfeed.events import dead_letters, groups
from newsfeed.events.groups import Group
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import encode
from newsfeed.exceptions import Unavailable
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from tests.names import own

GROUP = own("replay")
NEW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_topics(db: None, broker: Broker, settings: Settings) -> None:
    """On which all dead letters were replayed already."""
    settings.KAFKA_TOPIC_PREFIX, settings.KAFKA_CONSUMER_GROUP = own("replay-"), GROUP
    topic_admin.ensure_topics(1)
    broker.mark()
    broker.skip_to_end(f"{GROUP}-replay")
    producer.warm()


@pytest.fixture(autouse=True)
def _ready(redis: object) -> None:
    for user_id in (2, 3):
        make_ready(user_id)


def _letter(post_id: int, follower_id: int = 2, *, offset: int = 0) -> DeadLetter:
    value = encode(FeedRecord(post_id, 1, follower_id, "안녕", NEW))
    return dead_letter(value, offset or post_id)


def _unfollow(user_id: int, group: str = "visibility") -> DeadLetter:
    event = Unfollowed(occurred_at=NEW, actor_id=user_id, followee_id=1)
    return dead_letter(encode(event), user_id, Topic.ACTIVITY, group)


def _replay(*options: str) -> list[str]:
    """The lines that the command says."""
    output = StringIO()
    call_command("replay_dead_letters", *options, stdout=output)
    return output.getvalue().splitlines()


def _replay_fails() -> str:
    return _replay_ends_by(CommandError, "1 failed again; --dry-run lists them.")


def _replay_ends_by(error: type[Exception], sentence: str | None = None) -> str:
    """The last line that it says."""
    output = StringIO()
    with pytest.raises(error, match=sentence):
        call_command("replay_dead_letters", stdout=output)
    return output.getvalue().splitlines()[-1]


def test_those_on_kafka_are_applied_once() -> None:
    dead_letters.publish([_letter(5), _letter(6), _unfollow(3)])
    assert _replay() == ["replayed 3, failed 0"]
    assert stored_ids(2) == [6, 5]
    make_ready(2)
    assert _replay() == ["replayed 0, failed 0"]
    assert stored_ids(2) == []


def test_those_in_mysql_are_applied_once() -> None:
    DeadLetter.objects.bulk_create([_letter(5), _letter(6), _unfollow(3)])
    assert _replay() == ["replayed 3, failed 0"]
    assert stored_ids(2) == [6, 5]
    assert not DeadLetter.objects.filter(replayed_at=None).exists()
    make_ready(2)
    assert _replay() == ["replayed 0, failed 0"]
    assert stored_ids(2) == []


def test_an_activity_does_what_it_would_have_done(alice: User, bob: User) -> None:
    make_ready(bob.pk, [999])
    edges(alice, [bob])
    ids = write_posts(alice, 2)
    dead_letters.publish([_unfollow(bob.pk)])
    assert _replay() == ["replayed 1, failed 0"]
    assert stored_ids(bob.pk) == ids


def test_a_letter_goes_to_its_consumer_alone_and_one_that_names_none_to_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replayed: list[str] = []
    for name in ("audit", "visibility"):
        group = Group(name, partial(_note, replayed, name), (Unfollowed,))
        monkeypatch.setitem(groups._groups, name, group)
    unsubscribed = Group("search", partial(_note, replayed, "search"), (Followed,))
    monkeypatch.setitem(groups._groups, "search", unsubscribed)
    dead_letters.publish([_unfollow(3, group="audit")])
    assert _replay() == ["replayed 1, failed 0"]
    assert replayed == ["audit"]
    old = _unfollow(4, group="audit")
    old.group = ""
    dead_letters.publish([old])
    assert _replay() == ["replayed 1, failed 0"]
    assert sorted(replayed) == ["audit", "audit", "visibility"]


def _note(names: list[str], name: str, _: object) -> None:
    names.append(name)


def test_a_letter_of_a_consumer_that_is_gone_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    DeadLetter.objects.bulk_create([_unfollow(3, group="gone")])
    assert _replay_fails() == "replayed 0, failed 1"
    assert "There is no consumer gone." in DeadLetter.objects.get().error


def test_more_than_a_page_of_rows_is_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsfeed.events.replay.ROWS_PER_PAGE", 2)
    DeadLetter.objects.bulk_create([_letter(n) for n in range(1, 6)])
    assert _replay() == ["replayed 5, failed 0"]
    assert stored_ids(2) == [5, 4, 3, 2, 1]


def test_what_fails_again_goes_back_to_kafka_with_one_attempt_more(broker: Broker) -> None:
    dead_letters.publish([dead_letter(b"?", offset=42), _letter(5)])
    assert _replay_fails() == "replayed 1, failed 1"
    assert stored_ids(2) == [5]
    *_, again = broker.records(Topic.FEED.dead_letters)
    headers = {name: text.decode() for name, text in again.headers}
    assert again.value == b"?"
    assert headers.pop("error").startswith("InvalidRecord: ")
    assert headers == {
        "group": "feed",
        "origin-topic": "feed-20260309",
        "origin-partition": "7",
        "origin-offset": "42",
        "attempts": "4",
        "time": NEW.isoformat(),
    }
    assert _replay_fails() == "replayed 0, failed 1"  # and not for ever


def test_what_fails_again_stays_in_mysql_with_one_attempt_more() -> None:
    DeadLetter.objects.bulk_create([dead_letter(b"?", offset=42), _letter(5)])
    assert _replay_fails() == "replayed 1, failed 1"
    bad = DeadLetter.objects.get(replayed_at=None)
    assert (bad.attempts, bad.error[:15]) == (4, "InvalidRecord: ")
    assert _replay_fails() == "replayed 0, failed 1"


def test_what_comes_meanwhile_waits_for_the_next_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    states = topic_admin.topic_states

    def and_then_comes_another() -> list[topic_admin.TopicState]:
        found = states()
        dead_letters.publish([_letter(7)])
        return found

    dead_letters.publish([_letter(5), _letter(6)])
    with monkeypatch.context() as patch:
        patch.setattr(topic_admin, "topic_states", and_then_comes_another)
        assert _replay() == ["replayed 2, failed 0"]
    assert stored_ids(2) == [6, 5]
    assert _replay() == ["replayed 1, failed 0"]


def test_when_the_bug_is_mended_it_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letters.publish([_letter(5)])
    with monkeypatch.context() as patch:
        replace_handler(patch, "feed", lambda _: 1 / 0)
        assert _replay_fails() == "replayed 0, failed 1"
    assert _replay() == ["replayed 1, failed 0"]
    assert stored_ids(2) == [5]


def test_only_one_topics_are_replayed_when_it_is_named() -> None:
    dead_letters.publish([_letter(5), _unfollow(3)])
    DeadLetter.objects.bulk_create([_letter(6), _unfollow(3)])
    assert _replay("--topic", "feed") == ["replayed 2, failed 0"]
    assert stored_ids(2) == [6, 5]
    assert _replay("--topic", "activity") == ["replayed 2, failed 0"]


def test_the_limit_counts_both_places() -> None:
    dead_letters.publish([_letter(5), _letter(6)])
    DeadLetter.objects.bulk_create([_letter(7), _letter(8)])
    assert _replay("--limit", "1") == ["replayed 1, failed 0"]
    assert stored_ids(2) == [5]
    assert _replay("--limit", "2") == ["replayed 2, failed 0"]
    assert stored_ids(2) == [7, 6, 5]
    assert _replay() == ["replayed 1, failed 0"]


def test_a_dry_run_lists_them_and_does_nothing() -> None:
    dead_letters.publish([_letter(5, offset=42)])
    DeadLetter.objects.bulk_create([_letter(6, offset=43)])
    for _ in range(2):
        assert _replay("--dry-run") == [
            "feed-20260309[7]@42  feed  attempts 3  ValueError: a bug",
            "feed-20260309[7]@43  feed  attempts 3  ValueError: a bug",
            "2 to replay",
        ]
    assert stored_ids(2) == []
    assert _replay() == ["replayed 2, failed 0"]
    assert _replay("--dry-run") == ["0 to replay"]


def test_what_others_wrote_there_is_replayed_too() -> None:
    value = bytes(_letter(5).value)
    foreign = [("origin-topic", b"\xff"), ("attempts", b"many")]
    name = Topic.FEED.dead_letters
    producer.send(producer.Message(name, 1, value, headers) for headers in (foreign, [])).wait(60)
    assert _replay("--dry-run")[0].startswith(f"{name}[0]@")
    assert _replay() == ["replayed 2, failed 0"]
    assert stored_ids(2) == [5]


def test_without_kafka_nothing_is_replayed(kafka_away: Away) -> None:
    DeadLetter.objects.bulk_create([_letter(5)])
    with kafka_away():
        assert _replay_ends_by(Unavailable) == "replayed 0, failed 0"
    assert stored_ids(2) == []
    assert _replay() == ["replayed 1, failed 0"]


def test_without_redis_nothing_counts_as_an_attempt(redis_away: Away) -> None:
    dead_letters.publish([_letter(5)])
    DeadLetter.objects.bulk_create([_letter(6)])
    with redis_away():
        assert _replay_ends_by(Unavailable) == "replayed 0, failed 0"
        assert _replay("--dry-run")[0].split()[3] == "3"
    assert _replay() == ["replayed 2, failed 0"]
    assert read(2) is not None
    assert stored_ids(2) == [6, 5]


def test_without_mysql_what_is_done_stays_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def push_first(records: list[FeedRecord]) -> None:
        if records[0].post_id == 6:
            raise OperationalError(2006)
        consumers.push_posts(records)

    dead_letters.publish([_letter(5), _letter(6)])
    with monkeypatch.context() as patch:
        replace_handler(patch, "feed", push_first)
        assert _replay_ends_by(OperationalError) == "replayed 1, failed 0"
    assert _replay() == ["replayed 1, failed 0"]
    assert stored_ids(2) == [6, 5]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--topic", "posts"), "argument --topic: invalid choice: 'posts'"),
        (("--limit", "0"), "--limit must be 1 or more."),
        (("--limit", "-1"), "--limit must be 1 or more."),
        (("--limit", "all"), "argument --limit: invalid int value: 'all'"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_replayed(
    options: tuple[str, ...], sentence: str
) -> None:
    dead_letters.publish([_letter(5)])
    with pytest.raises(CommandError, match=sentence):
        _replay(*options)
    assert stored_ids(2) == []
    _replay()
    assert stored_ids(2) == [5]
