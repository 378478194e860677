"""GET feed/: the same pages whether Redis has the feed, has to build it, or is away."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import chain

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Redis
from feeds import services, store
from feeds.tests.conftest import FEED, TOKEN, Away, edges, stored_ids, walk, write_posts
from follows.models import Follow
from newsfeed.api.paging import MAX_ID
from posts.models import Post

Prepare = Callable[[], str]
pytestmark = pytest.mark.usefixtures("follow")


def _reads(source: str) -> float:
    return REGISTRY.get_sample_value("feed_read_source_total", {"source": source}) or 0


@pytest.fixture(params=["redis", "rebuild", "db"])
def prepared(request: pytest.FixtureRequest, bob: User, redis_away: Away) -> Iterator[Prepare]:
    """Call it before the read: where bob's feed then comes from."""
    source: str = request.param

    def prepare() -> str:
        if source == "redis":
            services.rebuild(bob.pk, store.workers)
        return source

    with redis_away() if source == "db" else nullcontext():
        yield prepare


def _ids(client: APIClient) -> list[int]:
    (page,) = walk(client, limit=100)
    return page


def test_a_post_is_shown_with_its_author(as_bob: APIClient, alice: User, prepared: Prepare) -> None:
    post = Post.objects.create(user=alice, content='안녕 🙂 "follower_id":7')
    source = prepared()
    before = _reads(source)
    response = as_bob.get(FEED)
    assert response.status_code == 200
    (shown,) = response.json()["results"]
    assert response.json()["next"] is None
    assert shown["content"] == post.content
    assert shown["author"] == {"id": alice.pk, "username": "alice", "display_name": "Alice"}
    assert shown == as_bob.get(f"/api/v1/posts/{post.pk}/").json()
    assert _reads(source) == before + 1


def test_a_feed_holds_the_posts_of_those_one_follows_newest_first(
    as_bob: APIClient, alice: User, bob: User, carol: User, prepared: Prepare
) -> None:
    first = write_posts(alice, 2)
    write_posts(bob, 2)
    second = write_posts(alice, 2)
    write_posts(carol, 2)
    prepared()
    assert _ids(as_bob) == second + first


def test_who_follows_nobody_has_an_empty_feed(
    as_alice: APIClient, as_bob: APIClient, alice: User, redis: Redis
) -> None:
    write_posts(alice, 1)
    assert len(_ids(as_bob)) == 1
    rebuilt, ready = _reads("rebuild"), _reads("redis")
    assert walk(as_alice, limit=20) == [[]]
    assert walk(as_alice, limit=20) == [[]]
    assert (_reads("rebuild"), _reads("redis")) == (rebuilt + 1, ready + 1)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 7])
def test_pages_are_full_and_next_is_null_only_at_the_end(
    as_bob: APIClient, alice: User, prepared: Prepare, count: int
) -> None:
    ids = write_posts(alice, count)
    prepared()
    pages = walk(as_bob, limit=3)
    assert pages == [ids[start : start + 3] for start in range(0, max(count, 1), 3)]


def test_twenty_posts_are_a_page_and_a_hundred_the_most(as_bob: APIClient, alice: User) -> None:
    ids = write_posts(alice, 120)
    assert [post["id"] for post in as_bob.get(FEED).json()["results"]] == ids[:20]
    assert walk(as_bob, limit=100) == [ids[:100], ids[100:]]


def test_the_feed_goes_on_in_mysql_beyond_the_cap(
    as_bob: APIClient, alice: User, bob: User, settings: Settings, prepared: Prepare
) -> None:
    settings.FEED_MAX_LENGTH = 10
    ids = write_posts(alice, 31)
    source = prepared()
    assert [*chain(*walk(as_bob, limit=4))] == ids
    if source != "db":
        assert len(stored_ids(bob.pk)) == 10


@pytest.mark.parametrize("limit", [4, 12])
def test_any_page_may_be_the_one_that_rebuilds_the_feed(
    as_bob: APIClient, alice: User, bob: User, settings: Settings, limit: int
) -> None:
    settings.FEED_MAX_LENGTH = 10
    ids = write_posts(alice, 31)
    rebuilt = _reads("rebuild")
    pages = walk(as_bob, limit, before_each=lambda: store.workers.invalidate([bob.pk]))
    assert [*chain(*pages)] == ids
    assert _reads("rebuild") == rebuilt + len(pages)


def test_pages_are_whole_when_pushes_have_raised_the_floor(
    as_bob: APIClient, alice: User, bob: User, settings: Settings
) -> None:
    settings.FEED_MAX_LENGTH = 16
    write_posts(alice, 20)
    services.rebuild(bob.pk, store.workers)
    for new in reversed(write_posts(alice, 10)):
        store.workers.push({bob.pk: [new]})
    assert len(stored_ids(bob.pk)) <= 17
    truth = list(Post.objects.order_by("-pk").values_list("pk", flat=True))
    assert [*chain(*walk(as_bob, limit=7))] == truth


def test_a_page_is_full_though_many_of_its_ids_are_not_shown_any_more(
    as_bob: APIClient, alice: User, bob: User, carol: User, prepared: Prepare
) -> None:
    edges(carol, [bob])
    stay = write_posts(alice, 3)
    deleted = write_posts(alice, 40)
    unfollowed = write_posts(carol, 40)
    stay = write_posts(alice, 3) + stay
    prepared()
    assert set(_ids(as_bob)) == {*stay, *deleted, *unfollowed}
    Post.objects.filter(pk__in=deleted).update(deleted_at=timezone.now())
    Follow.objects.filter(followee=carol)._raw_delete("default")
    assert walk(as_bob, limit=4) == [stay[:4], stay[4:]]


def test_a_page_that_goes_on_in_mysql_repeats_no_post(
    as_bob: APIClient, alice: User, prepared: Prepare
) -> None:
    """Of the ids that Redis gives for it, only the last is shown."""
    ids = write_posts(alice, 20)
    prepared()
    hidden = 2 + services.SPARE
    Post.objects.filter(pk__in=ids[:hidden]).update(hidden_at=timezone.now())
    assert [*chain(*walk(as_bob, limit=2))] == ids[hidden:]


def test_a_hidden_post_is_not_shown_though_redis_holds_it(
    as_bob: APIClient, alice: User, bob: User, prepared: Prepare
) -> None:
    newer, older = write_posts(alice, 2)
    prepared()
    assert _ids(as_bob) == [newer, older]
    Post.objects.filter(pk=newer).update(hidden_at=timezone.now())
    assert _ids(as_bob) == [older]
    Post.objects.filter(pk=newer).update(hidden_at=None)
    assert _ids(as_bob) == [newer, older]


def test_a_suspended_author_is_not_shown_and_pages_stay_full(
    as_bob: APIClient, alice: User, bob: User, carol: User, prepared: Prepare
) -> None:
    edges(carol, [bob])
    older, hers, newer = write_posts(alice, 3), write_posts(carol, 40), write_posts(alice, 3)
    prepared()
    assert [*chain(*walk(as_bob, limit=50))] == [*newer, *hers, *older]
    User.objects.filter(pk=carol.pk).update(is_active=False)
    assert walk(as_bob, limit=4) == [[*newer, older[0]], older[1:]]
    User.objects.filter(pk=carol.pk).update(is_active=True)
    assert [*chain(*walk(as_bob, limit=50))] == [*newer, *hers, *older]


def test_a_deleted_post_is_not_shown_though_redis_holds_it(
    as_bob: APIClient, alice: User, bob: User, prepared: Prepare
) -> None:
    newer, older = write_posts(alice, 2)
    prepared()
    assert _ids(as_bob) == [newer, older]
    Post.objects.filter(pk=newer).update(deleted_at=timezone.now())
    assert _ids(as_bob) == [older]


def test_who_is_not_followed_any_more_is_not_shown_though_redis_holds_the_posts(
    as_bob: APIClient, alice: User, bob: User, carol: User, prepared: Prepare
) -> None:
    edges(carol, [bob])
    (hers,) = write_posts(carol, 1)
    (post,) = write_posts(alice, 1)
    prepared()
    assert _ids(as_bob) == [post, hers]
    Follow.objects.filter(follower=bob, followee=alice)._raw_delete("default")
    assert _ids(as_bob) == [hers]
    edges(alice, [bob])
    assert _ids(as_bob) == [post, hers]


def test_another_ones_feed_is_another_feed(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User, prepared: Prepare
) -> None:
    edges(bob, [alice])
    (hers,) = write_posts(alice, 1)
    (his,) = write_posts(bob, 1)
    prepared()
    assert (_ids(as_alice), _ids(as_bob)) == ([his], [hers])


def test_a_cursor_outlives_the_post_it_was_taken_from(
    as_bob: APIClient, alice: User, prepared: Prepare
) -> None:
    ids = write_posts(alice, 4)
    prepared()
    first = as_bob.get(FEED, {"limit": 2}).json()
    assert [post["id"] for post in first["results"]] == ids[:2]
    Post.objects.filter(pk=ids[1]).update(deleted_at=timezone.now())
    write_posts(alice, 3)  # nor do new posts move the page
    second = as_bob.get(first["next"]).json()
    assert [post["id"] for post in second["results"]] == ids[2:]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *(("limit", bad) for bad in ("0", "101", "-1", "x", "1.5", "", "+1", "١")),
        *(("cursor", bad) for bad in ("0", "-1", "x", "1.5", str(2**63), "9" * 30, "1 ")),
    ],
)
def test_a_bad_page_is_refused_by_name(as_bob: APIClient, field: str, bad: str) -> None:
    response = as_bob.get(FEED, {field: bad})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("cursor", ["", "1", str(MAX_ID)])
def test_any_id_is_a_cursor(as_bob: APIClient, cursor: str, alice: User) -> None:
    write_posts(alice, 1)
    shown = as_bob.get(FEED, {"cursor": cursor}).json()["results"]
    assert len(shown) == (cursor != "1")


def test_of_two_readers_of_a_cold_feed_one_rebuilds_it(
    as_bob: APIClient, alice: User, bob: User
) -> None:
    ids = write_posts(alice, 30)
    assert store.workers.begin(bob.pk, TOKEN)  # the other one is at it
    from_db = _reads("db")
    assert [*chain(*walk(as_bob, limit=20))] == ids
    assert _reads("db") == from_db + 2
    assert store.workers.finish(bob.pk, TOKEN, services.take_snapshot(bob.pk))
    assert stored_ids(bob.pk) == ids
    assert [*chain(*walk(as_bob, limit=20))] == ids
    assert _reads("db") == from_db + 2


def test_nobody_has_no_feed(client: APIClient, as_bob: APIClient) -> None:
    assert client.get(FEED).status_code == 401
    assert as_bob.get(FEED).status_code == 200
