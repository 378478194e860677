"""A post leaves the feeds of many followers, or returns to them, step by step."""

import time
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Broker, Pipeline
from feeds import store, visibility
from feeds.store import StoreUnavailable
from feeds.tests.conftest import FEED, Away, crowd, edges, make_ready, stored_ids, write_posts
from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from newsfeed.events.registry import decode
from newsfeed.kafka.topics import Topic
from posts.events import PostHidden, VisibilityChanged
from posts.models import Post
from posts.services import delete_post

Ids = list[int]
OTHER = 10**9
"""An id that stays in every feed: one that was made cold would not hold it."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two followers a step."""
    monkeypatch.setattr(visibility, "FOLLOWERS_PER_PAGE", 2)
    monkeypatch.setattr(visibility, "STEP_SECONDS", 0)


def _event(post_id: int, author: User, settled_to: int | None = None) -> VisibilityChanged:
    return PostHidden(actor_id=author.pk, post_id=post_id, settled_to=settled_to)


def _warm(users: list[User], ids: Ids) -> None:
    for user in users:
        make_ready(user.pk, [OTHER, *ids])


def _feeds(users: list[User]) -> list[Ids]:
    return [[id_ for id_ in stored_ids(user.pk) if id_ != OTHER] for user in users]


def _hide(*post_ids: int) -> None:
    Post.objects.filter(pk__in=post_ids).update(hidden_at=timezone.now())


def _unhide(*post_ids: int) -> None:
    Post.objects.filter(pk__in=post_ids).update(hidden_at=None)


def _take_rests() -> list[VisibilityChanged]:
    """What waits for the relay, which has it from now on."""
    rests = [outbox.event_of(row) for row in OutboxEvent.objects.order_by("pk")]
    OutboxEvent.objects.all().delete()
    return [rest for rest in rests if isinstance(rest, VisibilityChanged)]


def _run(events: list[VisibilityChanged]) -> int:
    """To the end, a batch for each event. Returns how many those were."""
    steps = 0
    while events:
        visibility.apply(events[:1])
        events = events[1:] + _take_rests()
        steps += 1
        assert steps < 100, "it goes on for ever"
    return steps


@pytest.mark.usefixtures("small")
def test_a_deleted_post_leaves_many_feeds_in_many_steps(
    pipeline: Pipeline, broker: Broker, alice: User, followers: list[User]
) -> None:
    newer, post_id = write_posts(alice, 2)
    _warm(followers, [newer, post_id])
    delete_post(post_id=post_id, user_id=alice.pk)
    pipeline.settle()
    assert _feeds(followers) == [[newer]] * 7
    records = broker.records(Topic.ACTIVITY.today())
    events = [decode(Topic.ACTIVITY, record.value) for record in records]
    # Kafka may have one twice, when its acknowledgement came late.
    once = {e.settled_to or None: e.event_id for e in events if isinstance(e, VisibilityChanged)}
    assert list(once) == [None, *(user.pk for user in followers[1:6:2])]
    assert len(set(once.values())) == 4
    assert len({record.partition for record in records}) == 1


@pytest.mark.usefixtures("small")
def test_nobody_sees_a_deleted_post_that_has_not_left_his_feed_yet(
    alice: User, bob: User, as_bob: APIClient
) -> None:
    edges(alice, [*crowd(3), bob])
    newer, post_id = write_posts(alice, 2)
    _warm([bob], [newer, post_id])
    _hide(post_id)
    assert [post["id"] for post in as_bob.get(FEED).json()["results"]] == [newer]
    assert _feeds([bob]) == [[newer, post_id]]


@pytest.mark.usefixtures("small")
def test_an_unhidden_post_comes_back_in_many_steps(alice: User, followers: list[User]) -> None:
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [])
    assert _run([_event(post_id, alice)]) == 4
    assert _feeds(followers) == [[post_id]] * 7


def test_few_followers_cost_three_queries_and_one_request_and_leave_nothing(
    alice: User,
    followers: list[User],
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = write_posts(alice, 3)
    _warm(followers, ids)
    _hide(*ids)
    asked = Mock(side_effect=store.workers._ask)
    monkeypatch.setattr(store.workers, "_ask", asked)
    with django_assert_num_queries(3):
        visibility.apply([_event(id_, alice) for id_ in ids])
    assert asked.call_count == 1
    assert _feeds(followers) == [[]] * 7
    assert _take_rests() == []


def _die_after(work: Callable[..., object], times: list[int]) -> Callable[..., object]:
    """Once it has done so often."""

    def die(*args: object, **kwargs: object) -> object:
        done = work(*args, **kwargs)
        times[0] -= 1
        if times[0] == 0:
            raise SystemExit
        return done

    return die


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("place", ["visible_ids", "follower_ids", "remove", "leave_to_relay"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_step_that_dies_anywhere_is_made_again_and_none_before_it(
    alice: User,
    followers: list[User],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    times: int,
) -> None:
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [post_id])
    _hide(post_id)
    owner = {"remove": store.workers, "leave_to_relay": outbox}.get(place, visibility)
    monkeypatch.setattr(owner, place, _die_after(getattr(owner, place), [times]))
    events, deaths = [_event(post_id, alice)], 0
    for _ in range(20):
        try:
            visibility.apply(events)
        except SystemExit:  # not committed: the same batch comes again, and what was recorded
            deaths += 1
            events += _take_rests()
        else:
            events = _take_rests()
    assert deaths == 1
    assert events == []
    assert _feeds(followers) == [[]] * 7


@pytest.mark.usefixtures("small")
def test_redis_that_goes_away_undoes_no_step(
    alice: User, followers: list[User], redis_away: Away
) -> None:
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [post_id])
    _hide(post_id)
    visibility.apply([_event(post_id, alice)])
    (rest,) = _take_rests()
    with redis_away(), pytest.raises(StoreUnavailable):
        visibility.apply([rest])
    assert _take_rests() == []
    assert _run([rest]) == 3
    assert _feeds(followers) == [[]] * 7


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("is_hidden_in_the_end", [True, False])
@pytest.mark.parametrize("steps", range(4))
def test_a_change_in_the_midst_of_another_wins_whatever_comes_last(
    alice: User,
    followers: list[User],
    steps: int,
    is_hidden_in_the_end: bool,  # noqa: FBT001
) -> None:
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [post_id] if is_hidden_in_the_end else [])
    change, undo = (_unhide, _hide) if is_hidden_in_the_end else (_hide, _unhide)
    change(post_id)
    first = [_event(post_id, alice)]
    for _ in range(steps):
        visibility.apply(first)
        first = _take_rests()
    undo(post_id)
    second = _event(post_id, alice)
    assert _run([second, *first]) + _run([*first, second]) >= 8
    assert _feeds(followers) == ([[]] if is_hidden_in_the_end else [[post_id]]) * 7


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("steps", [0, 1])
def test_a_post_unhidden_in_the_midst_of_a_step_comes_back(
    alice: User, followers: list[User], monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """All of its unhiding is over before that step's removal reaches the feeds."""
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [post_id])
    _hide(post_id)
    hiding = [_event(post_id, alice)]
    for _ in range(steps):
        visibility.apply(hiding)
        hiding = _take_rests()
    remove = store.workers.remove

    def unhide_and_remove(user_ids: Ids, post_ids: Ids) -> None:
        monkeypatch.setattr(store.workers, "remove", remove)
        _unhide(post_id)
        _run([_event(post_id, alice)])
        assert _feeds(followers) == [[post_id]] * 7
        remove(user_ids, post_ids)

    monkeypatch.setattr(store.workers, "remove", unhide_and_remove)
    _run(hiding)
    assert _feeds(followers) == [[post_id]] * 7


@pytest.mark.usefixtures("small")
def test_each_author_in_a_batch_gets_on_and_one_of_few_followers_is_done(
    alice: User, bob: User, followers: list[User]
) -> None:
    edges(bob, followers[:1])
    ids = [write_posts(author, 1)[0] for author in (alice, bob)]
    _warm(followers, sorted(ids, reverse=True))
    _hide(*ids)
    visibility.apply([_event(ids[0], alice), _event(ids[1], bob)])
    assert [rest.post_id for rest in _take_rests()] == [ids[0]]
    assert _feeds(followers)[:3] == [[], [ids[1]], ids[::-1]]


@pytest.mark.usefixtures("small")
def test_whom_there_is_no_time_for_at_all_waits_for_a_later_batch(
    alice: User, bob: User, followers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visibility, "MOST_SECONDS", 0)
    edges(bob, followers)
    ids = [write_posts(author, 1)[0] for author in (alice, bob)]
    _warm(followers, ids)
    _hide(*ids)
    visibility.apply([_event(ids[0], alice), _event(ids[1], bob)])
    rests = _take_rests()
    settled_to = [(rest.post_id, rest.settled_to or None) for rest in rests]
    assert settled_to == [(ids[0], followers[1].pk), (ids[1], None)]
    assert _run(rests) == 3 + 4
    assert _feeds(followers) == [[]] * 7


def test_a_step_of_an_author_with_many_followers_ends_in_time(
    alice: User, followers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visibility, "FOLLOWERS_PER_PAGE", 1)
    monkeypatch.setattr(visibility, "STEP_SECONDS", 0.2)
    monkeypatch.setattr(store.workers, "remove", lambda *_: time.sleep(0.08))
    (post_id,) = write_posts(alice, 1)
    _hide(post_id)
    visibility.apply([_event(post_id, alice)])
    (rest,) = _take_rests()
    assert rest.settled_to in {user.pk for user in followers[:3]}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("step", [1, -1])
def test_events_that_come_once_more_do_not_each_go_to_the_end(
    alice: User, followers: list[User], step: int
) -> None:
    """As when a day's topic is applied again: the rests are on it too."""
    (post_id,) = write_posts(alice, 1)
    _warm(followers, [post_id])
    _hide(post_id)
    ids = [user.pk for user in followers]
    day = [_event(post_id, alice, settled_to) for settled_to in (None, *ids)]
    visibility.apply(day[::step])
    assert [rest.settled_to for rest in _take_rests()] == [followers[1].pk]


@pytest.mark.usefixtures("small")
def test_many_posts_of_one_author_go_together(alice: User, followers: list[User]) -> None:
    ids = write_posts(alice, 5)
    _warm(followers, ids)
    _hide(*ids)
    visibility.apply([_event(id_, alice) for id_ in ids])
    for left in (3, 1, 0):
        assert _feeds(followers)[-left:] == [ids] * left or left == 0
        rests = _take_rests()
        assert len({rest.settled_to for rest in rests}) == 1
        visibility.apply(rests)
    assert _take_rests() == []
    assert _feeds(followers) == [[]] * 7


def test_a_page_holds_fewer_feeds_the_more_posts_there_are(
    alice: User, followers: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PLACES", 8)
    ids = write_posts(alice, 3)
    _warm(followers, ids)
    _hide(*ids)
    pages: list[int] = []
    remove = store.workers.remove

    def count(user_ids: Ids, post_ids: Ids) -> None:
        pages.append(len(user_ids) * len(post_ids))
        remove(user_ids, post_ids)

    monkeypatch.setattr(store.workers, "remove", count)
    visibility.apply([_event(id_, alice) for id_ in ids])
    assert pages == [6, 6, 6, 3]
    assert _feeds(followers) == [[]] * 7
