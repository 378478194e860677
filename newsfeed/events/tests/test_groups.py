"""Each consumer is a Kafka group of its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from conftest import Broker, TopicPartition
from feeds.events import FeedRecord
from follows.events import Followed, Unfollowed
from newsfeed.events import groups
from newsfeed.events.consumer import Consumer
from newsfeed.events.groups import Group, UnknownGroup, consumer, get_group_or_raise
from newsfeed.events.registry import encode
from newsfeed.events.tests.conftest import (
    GROUP,
    KNOWN,
    Recorder,
    Send,
    lag,
    send_raw,
    step_until,
)
from newsfeed.exceptions import Unavailable
from newsfeed.kafka.topics import Topic

pytestmark = pytest.mark.usefixtures("topics")

Join = Callable[..., tuple[Consumer, Recorder]]
LEFT = Unfollowed(actor_id=1, followee_id=2)


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch) -> Iterator[Join]:
    """A consumer of this name and these types, instead of the service's; it keeps what it gets."""
    consumers: list[Consumer] = []
    monkeypatch.setattr(groups, "_groups", {})

    def register(name: str, *types: Any) -> tuple[Consumer, Recorder]:
        recorder = Recorder()
        consumer(name, *types)(recorder)
        consumers.append(Consumer(get_group_or_raise(name)))
        return consumers[-1], recorder

    yield register
    for one in consumers:
        one.close()


def _send_events() -> None:
    send_raw(encode(KNOWN), encode(LEFT), topic=Topic.ACTIVITY.today())


def test_each_group_gets_every_record_and_waits_for_nobody(join: Join, broker: Broker) -> None:
    (fails, failing), (goes_on, going) = (
        join(name, Followed, Unfollowed) for name in ("feed", "visibility")
    )
    broker.skip_to_end()
    failing.errors = [Unavailable("redis")] * 1_000
    _send_events()
    step_until(lambda: going.records and failing.calls, fails, goes_on)
    assert going.records == [KNOWN, LEFT]
    assert lag() == 2  # of the one that fails
    failing.errors = []
    step_until(lambda: lag() == 0, fails, goes_on)
    assert failing.records == going.records == [KNOWN, LEFT]


def test_a_group_skips_what_it_has_not_subscribed_to_and_never_reads_it(
    join: Join, broker: Broker
) -> None:
    stays, handler = join("visibility", Followed)
    broker.skip_to_end()
    send_raw(b'{"type":"UNFOLLOW"}', b'{"type":"FOLLOW"}', topic=Topic.ACTIVITY.today())
    _send_events()
    step_until(lambda: lag() == 0, stays)
    assert handler.records == [KNOWN]
    letters = broker.records(Topic.ACTIVITY.dead_letters)
    assert [letter.value for letter in letters] == [b'{"type":"FOLLOW"}']
    assert ("group", b"visibility") in letters[0].headers


def test_new_groups_begin_where_the_one_of_older_versions_has_come_to(
    join: Join, send: Send, broker: Broker
) -> None:
    """Records of both kinds are unread when the version changes."""
    send(1, 2)
    _send_events()
    _forget_groups(broker)
    broker.commit(GROUP, broker.ends())
    unread = send(3)
    _send_events()
    (feed, posts), (visibility, events) = (
        join("feed", FeedRecord),
        join("visibility", Followed, Unfollowed),
    )
    step_until(lambda: posts.records and len(events.records) == 2, feed, visibility)
    step_until(lambda: lag() == 0, feed, visibility)
    assert posts.records == unread
    assert events.records == [KNOWN, LEFT]


def test_a_group_that_has_offsets_goes_on_from_them(join: Join, send: Send, broker: Broker) -> None:
    feed, posts = join("feed", FeedRecord)
    broker.skip_to_end()
    broker.commit(GROUP, {TopicPartition(Topic.FEED.today(), n): 0 for n in range(3)})
    sent = send(1)
    step_until(lambda: posts.records, feed)
    assert posts.records == sent


def _forget_groups(broker: Broker) -> None:
    """As if they had never run."""
    broker.delete("no topic", f"{GROUP}-feed", f"{GROUP}-visibility")


def test_two_consumers_cannot_have_one_name(join: Join) -> None:
    join("feed", FeedRecord)
    with pytest.raises(ImproperlyConfigured, match="there are two consumers with the name feed"):
        join("feed", FeedRecord)


def test_an_unknown_name_is_told_with_the_known_ones(join: Join) -> None:
    join("feed", FeedRecord)
    with pytest.raises(UnknownGroup, match=r"There is no consumer fed\. There are: feed\."):
        get_group_or_raise("fed")


def test_topics_follow_from_the_types() -> None:
    assert Group("a", print, (FeedRecord, Followed, Unfollowed)).topics == set(Topic)
