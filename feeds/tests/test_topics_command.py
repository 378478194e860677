from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from conftest import NEW_GROUP, NEW_PREFIX, Broker, TopicPartition
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic, audit_log, days_from_today
from tests.names import own

pytestmark = pytest.mark.usefixtures("new_topics")

OTHER = f"{NEW_PREFIX}other-"

FEED = f"{NEW_GROUP}-feed"


def _topics(*options: str) -> list[str]:
    """The lines that the command says."""
    output = StringIO()
    call_command("topics", *options, stdout=output)
    return output.getvalue().splitlines()


def _names(days: int) -> list[str]:
    dated = [topic.on(day) for topic in Topic for day in days_from_today(days)]
    return sorted([*dated, audit_log(), *(topic.dead_letters for topic in Topic)])


def _rows() -> list[list[str]]:
    return [line.split() for line in _topics("list")]


def test_ensure_creates_two_days_and_then_nothing() -> None:
    assert _topics("ensure") == [f"created {name}" for name in _names(2)]
    assert _topics("ensure") == ["nothing to create"]


def test_ensure_creates_only_what_is_missing() -> None:
    assert _topics("ensure", "--days", "1") == [f"created {name}" for name in _names(1)]
    new = sorted(set(_names(3)) - set(_names(1)))
    assert _topics("ensure", "--days", "3") == [f"created {name}" for name in new]
    assert [state.name for state in topic_admin.topic_states()] == _names(3)


def test_list_tells_of_each_topic() -> None:
    assert _rows() == [["topic", "partitions", "records", "lag"]]
    _topics("ensure", "--days", "1")
    today, letters = Topic.FEED.today(), Topic.FEED.dead_letters
    messages = [producer.Message(today, key, b"{}") for key in range(5)]
    producer.send([*messages, producer.Message(letters, 1, b"?")]).wait(60)
    rows = _rows()
    assert [row[0] for row in rows[1:]] == _names(1)
    assert [today, "3", "5", "feed", "5"] in rows
    assert [letters, "1", "1", "-"] in rows


def test_the_lag_is_what_the_group_has_not_read(broker: Broker) -> None:
    _topics("ensure", "--days", "1")
    today = Topic.FEED.today()
    producer.send([producer.Message(today, 1, b"{}")]).wait(60)
    assert [today, "3", "1", "feed", "1"] in _rows()
    broker.skip_to_end()
    assert [today, "3", "1", "feed", "0"] in _rows()


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> str:
    """A feed topic of 8 days ago with three records; its day's activity has none."""
    today = timezone.localdate()
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "localdate", lambda: today - timedelta(days=8))
        _topics("ensure", "--days", "1")
        name = Topic.FEED.today()
    producer.send([producer.Message(name, key, b"{}") for key in range(3)]).wait(60)
    return name


def _exists(name: str) -> bool:
    return any(state.name == name for state in topic_admin.topic_states())


def _activity(feed: str) -> str:
    return feed.replace("feed-", "activity-")


def test_prune_deletes_old_topics_that_are_read_and_no_others(
    old: str, broker: Broker, settings: Settings
) -> None:
    _topics("ensure")
    foreign = old.replace(NEW_PREFIX, OTHER)
    broker.create_topic(foreign)
    broker.skip_to_end()
    assert _topics("prune") == [f"deleted {_activity(old)}", f"deleted {old}"]
    assert [state.name for state in topic_admin.topic_states()] == _names(2)
    assert _topics("prune") == ["nothing to prune"]
    settings.KAFKA_TOPIC_PREFIX = OTHER
    assert _exists(foreign)
    assert _topics("prune") == [f"deleted {foreign}"]


def test_a_topic_that_nobody_has_read_is_kept_but_for_an_empty_one(old: str) -> None:
    kept = f"kept {old}: unread by {FEED} (3)"
    assert _topics("prune") == [f"deleted {_activity(old)}", kept]
    assert _exists(old)


def test_a_topic_is_kept_until_every_group_has_read_it(old: str, broker: Broker) -> None:
    audit = own("new-audit")
    broker.skip_to_end()
    broker.commit(audit, {TopicPartition(old, 1): 0})
    kept = f"kept {old}: unread by {audit} (3)"
    assert kept in _topics("prune")
    broker.commit(audit, {TopicPartition(old, 1): 1})
    assert _topics("prune") == [kept.replace("(3)", "(2)")]
    assert _exists(old)
    broker.skip_to_end(audit)
    assert _topics("prune") == [f"deleted {old}"]
    assert not _exists(old)
    broker.delete(NEW_PREFIX, audit)


def test_the_group_of_older_versions_keeps_no_topic(old: str, broker: Broker) -> None:
    broker.skip_to_end()
    broker.commit(NEW_GROUP, {TopicPartition(old, 1): 0})
    assert f"deleted {old}" in _topics("prune")


def test_an_offset_from_before_a_topic_was_made_anew_reads_nothing(
    old: str, broker: Broker
) -> None:
    broker.commit(f"{FEED}", {TopicPartition(old, partition): 7 for partition in range(3)})
    assert f"kept {old}: unread by {FEED} (3)" in _topics("prune")
    broker.commit(f"{FEED}", {TopicPartition(old, partition): 1 for partition in range(3)})
    assert _topics("prune") == [f"deleted {old}"]


def test_how_old_a_topic_must_be_can_be_told(old: str, broker: Broker) -> None:
    broker.skip_to_end()
    assert _topics("prune", "--days", "8") == ["nothing to prune"]
    assert _exists(old)
    assert f"deleted {old}" in _topics("prune", "--days", "7")
    assert not _exists(old)


def test_a_dry_run_deletes_nothing(old: str, broker: Broker) -> None:
    broker.commit(FEED, {TopicPartition(_activity(old), 0): 0})
    kept = f"kept {old}: unread by {FEED} (3)"
    assert _topics("prune", "--dry-run") == [f"would delete {_activity(old)}", kept]
    broker.skip_to_end()
    both = [_activity(old), old]
    assert _topics("prune", "--dry-run") == [f"would delete {name}" for name in both]
    assert _exists(old)
    assert _topics("prune") == [f"deleted {name}" for name in both]


def test_dead_letters_and_the_audit_log_are_never_pruned(old: str, broker: Broker) -> None:
    letters = Topic.FEED.dead_letters
    producer.send([producer.Message(name, 1, b"?") for name in (letters, audit_log())]).wait(60)
    broker.skip_to_end()
    assert f"deleted {old}" in _topics("prune", "--days", "1")
    assert [state.name for state in topic_admin.topic_states()] == sorted(
        [audit_log(), *(topic.dead_letters for topic in Topic)]
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "the following arguments are required: action"),
        (("destroy",), "invalid choice: 'destroy'"),
        (("ensure", "--days", "0"), "--days must be from 1 to 31."),
        (("ensure", "--days", "32"), "--days must be from 1 to 31."),
        (("ensure", "--days", "-3"), "--days must be from 1 to 31."),
        (("ensure", "--days", "all"), "argument --days: invalid int value: 'all'"),
        (("list", "--days", "1"), "unrecognized arguments: --days 1"),
        (("prune", "--days", "0"), "--days must be from 1 to 3650."),
        (("prune", "--days", "3651"), "--days must be from 1 to 3650."),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_created(
    options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        _topics(*options)
    assert topic_admin.topic_states() == []
    _topics("ensure", "--days", "1")
    assert len(topic_admin.topic_states()) == 5
