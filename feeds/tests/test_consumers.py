"""What the records do to the feeds; records come again, and in any order."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.models import User
from conftest import Redis
from feeds import consumers, services
from feeds.events import FeedRecord
from feeds.store import StoreUnavailable
from feeds.tests.conftest import (
    Away,
    edges,
    make_ready,
    read,
    stored_ids,
    write_posts,
)
from follows.events import Followed, FollowEvent, Unfollowed
from follows.models import Follow
from newsfeed.events.groups import readers
from newsfeed.kafka.topics import Topic
from posts.events import PostCreated, PostEvent, PostUpdated


def _record(post_id: int, follower: User) -> FeedRecord:
    written = timezone.now() - timedelta(seconds=3)
    return FeedRecord(post_id, 1, follower.pk, "안녕", written)


def _follow_event(event_type: type[FollowEvent], follower: User) -> FollowEvent:
    return event_type(actor_id=follower.pk, followee_id=follower.pk + 1)


def _metric(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0


def _writes(outcome: str) -> float:
    return REGISTRY.get_sample_value("feed_fanout_writes_total", {"outcome": outcome}) or 0


def test_every_topic_has_a_consumer() -> None:
    assert all(readers(topic) for topic in Topic)


def test_feed_records_go_into_the_followers_feeds(alice: User, bob: User, carol: User) -> None:
    for user in (alice, bob):
        make_ready(user.pk)
    records = [_record(5, alice), _record(6, bob), _record(7, alice), _record(5, carol)]
    consumers.push_posts(records)
    consumers.push_posts(records[::-1])
    assert stored_ids(alice.pk) == [7, 5]
    assert stored_ids(bob.pk) == [6]
    assert read(carol.pk) is None


def test_delivery_is_measured_once_a_post_and_writes_each(alice: User, bob: User) -> None:
    names = ("feed_delivery_seconds_count", "feed_delivery_seconds_sum")
    (count, seconds), written, cold = map(_metric, names), _writes("written"), _writes("cold")
    make_ready(bob.pk)
    consumers.push_posts([_record(5, alice), _record(5, bob), _record(6, bob)])
    assert (_writes("written"), _writes("cold")) == (written + 2, cold + 1)
    assert _metric(names[0]) == count + 2
    assert 6 <= _metric(names[1]) - seconds < 30


def test_a_post_from_a_clock_ahead_counts_as_delivered_at_once(alice: User) -> None:
    names = ("feed_delivery_clock_skew_total", "feed_delivery_seconds_sum")
    early, seconds = map(_metric, names)
    ahead = timezone.now() + timedelta(seconds=60)
    consumers.push_posts([FeedRecord(5, 1, alice.pk, "안녕", ahead)])
    assert list(map(_metric, names)) == [early + 1, seconds]


def test_a_follow_and_an_unfollow_give_the_follower_a_fresh_feed(
    alice: User, bob: User, carol: User
) -> None:
    ids = write_posts(alice, 2)
    make_ready(bob.pk)
    make_ready(carol.pk, [77])
    edges(alice, [bob])
    consumers.apply_visibility([_follow_event(Followed, bob)])
    assert stored_ids(bob.pk) == ids
    Follow.objects.all()._raw_delete("default")
    consumers.apply_visibility([_follow_event(Unfollowed, bob)])
    assert stored_ids(bob.pk) == []
    assert stored_ids(carol.pk) == [77]


@pytest.mark.parametrize("follows_in_the_end", [True, False])
def test_the_order_of_follows_and_unfollows_does_not_matter(
    alice: User,
    bob: User,
    follows_in_the_end: bool,  # noqa: FBT001
) -> None:
    ids = write_posts(alice, 2)
    if follows_in_the_end:
        edges(alice, [bob])
    types: list[type[FollowEvent]] = [Followed, Unfollowed]
    for order in (types, types[::-1], types + types):
        for type_ in order:
            consumers.apply_visibility([_follow_event(type_, bob)])
        consumers.apply_visibility([_follow_event(type_, bob) for type_ in order])
        assert stored_ids(bob.pk) == (ids if follows_in_the_end else [])


def test_a_feed_is_rebuilt_once_for_all_changes_in_a_batch(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt: list[int] = []
    monkeypatch.setattr(services, "rebuild", lambda user_id, _: rebuilt.append(user_id))
    change = _follow_event(Followed, bob)
    consumers.apply_visibility([change, change, _follow_event(Unfollowed, alice), change])
    assert sorted(rebuilt) == [alice.pk, bob.pk]


@pytest.mark.parametrize("event_type", [PostCreated, PostUpdated])
def test_other_activities_leave_the_feeds_alone(
    alice: User, bob: User, redis: Redis, event_type: type[PostEvent]
) -> None:
    edges(alice, [bob])
    make_ready(bob.pk, [9, 8])
    consumers.apply_visibility([event_type(actor_id=alice.pk, post_id=9)])
    assert stored_ids(bob.pk) == [9, 8]
    assert redis.dbsize() == 1


def test_without_redis_the_records_must_come_again(bob: User, redis_away: Away) -> None:
    with redis_away():
        with pytest.raises(StoreUnavailable):
            consumers.push_posts([_record(5, bob)])
        with pytest.raises(StoreUnavailable):
            consumers.apply_visibility([_follow_event(Followed, bob)])
