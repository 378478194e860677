from datetime import UTC, date, datetime

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from newsfeed.kafka.topics import Topic, audit_log, days_from_today, days_to_read, is_ours, parse

DAY = date(2026, 3, 9)


def test_a_topic_is_named_by_prefix_name_and_day(settings: Settings) -> None:
    settings.KAFKA_TOPIC_PREFIX = ""
    assert Topic.FEED.on(DAY) == "feed-20260309"
    assert Topic.ACTIVITY.on(DAY) == "activity-20260309"
    settings.KAFKA_TOPIC_PREFIX = "staging-"
    assert Topic.FEED.on(DAY) == "staging-feed-20260309"


def test_dead_letters_have_no_day(settings: Settings) -> None:
    settings.KAFKA_TOPIC_PREFIX = ""
    assert [topic.dead_letters for topic in Topic] == ["feed.DLT", "activity.DLT"]
    settings.KAFKA_TOPIC_PREFIX = "staging-"
    assert Topic.FEED.dead_letters == "staging-feed.DLT"


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Asia/Seoul", datetime(2026, 3, 8, 14, 59, 59, tzinfo=UTC), date(2026, 3, 8)),
        ("Asia/Seoul", datetime(2026, 3, 8, 15, 0, 0, tzinfo=UTC), date(2026, 3, 9)),
        ("UTC", datetime(2026, 3, 8, 23, 59, 59, tzinfo=UTC), date(2026, 3, 8)),
        ("UTC", datetime(2026, 3, 9, 0, 0, 0, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_the_day_changes_at_midnight_of_the_projects_time_zone(
    settings: Settings, zone: str, moment: datetime, day: date
) -> None:
    settings.TIME_ZONE = zone
    with time_machine.travel(moment, tick=False):
        assert Topic.FEED.today() == Topic.FEED.on(day)


def test_days_are_counted_over_the_end_of_a_year() -> None:
    with time_machine.travel(datetime(2026, 12, 31, 12, tzinfo=UTC), tick=False):
        days = days_from_today(3)
    assert days == [date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2)]


@pytest.mark.parametrize(("minute", "days"), [(49, [8]), (50, [8, 9])])
def test_tomorrows_topics_are_read_from_ten_minutes_before_midnight(
    settings: Settings, minute: int, days: list[int]
) -> None:
    settings.TIME_ZONE = "Asia/Seoul"
    with time_machine.travel(datetime(2026, 3, 8, 14, minute, tzinfo=UTC), tick=False):
        assert days_to_read() == {date(2026, 3, day) for day in days}


# `date` writes the years before 1000 with fewer than four digits; nothing was posted then.
@given(st.sampled_from(Topic), st.dates(min_value=date(1000, 1, 1)))
def test_a_name_is_parsed_back(topic: Topic, day: date) -> None:
    assert parse(topic.on(day)) == (topic, day)
    assert is_ours(topic.on(day))


@pytest.mark.parametrize(
    "name",
    [
        "feed",
        "feed-",
        "feed-2026030",
        "feed-202603099",
        "feed-20261340",
        "Feed-20260309",
        "feeds-20260309",
        "feed-20260309-x",
        "xfeed-20260309",
        "feed_20260309",
        "__consumer_offsets",
        "",
    ],
)
def test_other_names_are_not_ours(settings: Settings, name: str) -> None:
    for settings.KAFKA_TOPIC_PREFIX in ("", "staging-"):
        assert parse(settings.KAFKA_TOPIC_PREFIX + name) is None
        assert not is_ours(settings.KAFKA_TOPIC_PREFIX + name)
        assert is_ours(Topic.FEED.on(DAY))


def test_dead_letters_and_the_audit_log_are_ours_but_have_no_day() -> None:
    for name in (audit_log(), *(topic.dead_letters for topic in Topic)):
        assert is_ours(name)
        assert parse(name) is None


@pytest.mark.parametrize(("mine", "theirs"), [("", "a-"), ("a-", ""), ("a-", "b-"), ("a-", "a-b-")])
def test_installations_with_other_prefixes_do_not_see_each_other(
    settings: Settings, mine: str, theirs: str
) -> None:
    settings.KAFKA_TOPIC_PREFIX = theirs
    names = [name for topic in Topic for name in (topic.on(DAY), topic.dead_letters)]
    names.append(audit_log())
    assert all(map(is_ours, names))
    settings.KAFKA_TOPIC_PREFIX = mine
    assert not any(map(is_ours, names))
    assert not any(map(parse, names))
