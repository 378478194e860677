"""services.rebuild: a cold feed becomes a ready one, and no post gets lost on the way."""

from collections.abc import Callable, Sequence

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.services import reinstate_user, suspend_user
from conftest import Redis
from feeds import services, store
from feeds.selectors import newest_ids
from feeds.store import FeedPage, StoreUnavailable
from feeds.tests.conftest import TOKEN, Away, edges, make_ready, read, stored_ids, write_posts
from posts.models import Post

pytestmark = pytest.mark.usefixtures("follow")


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen right after the snapshot was read."""

    def arrange(happens: Callable[[], object]) -> None:
        def query(author_ids: Sequence[int], *, before: int, limit: int) -> list[int]:
            found = newest_ids(author_ids, before=before, limit=limit)
            happens()
            return found

        monkeypatch.setattr(services, "newest_ids", query)

    return arrange


def test_a_rebuilt_feed_holds_what_mysql_has(alice: User, bob: User, carol: User) -> None:
    ids = write_posts(alice, 5)
    write_posts(carol, 1)
    write_posts(bob, 1)
    Post.objects.filter(pk=ids[1]).update(deleted_at=timezone.now())
    truth = [ids[0], *ids[2:]]
    assert services.rebuild(bob.pk, store.workers) == FeedPage(truth, 0)
    assert read(bob.pk) == FeedPage(truth, 0)


def test_a_feed_built_while_its_author_is_suspended_shows_the_author_after_the_reinstatement(
    alice: User, bob: User, settings: Settings
) -> None:
    settings.FEED_MAX_LENGTH = 3
    ids = write_posts(alice, 5)
    suspend_user(alice.pk)
    services.rebuild(bob.pk, store.workers)
    assert services.read_feed(bob.pk, limit=9) == ([], None)
    reinstate_user(alice.pk)
    posts, _ = services.read_feed(bob.pk, limit=9)
    assert [post.pk for post in posts] == ids


def test_who_follows_nobody_gets_a_ready_feed_that_is_empty(alice: User) -> None:
    assert services.rebuild(alice.pk, store.workers) == FeedPage([], 0)
    assert read(alice.pk) == FeedPage([], 0)


@pytest.mark.parametrize("posts", [3, 4, 5, 9])
def test_the_floor_is_the_newest_post_that_did_not_fit(
    alice: User, bob: User, settings: Settings, posts: int
) -> None:
    settings.FEED_MAX_LENGTH = 4
    ids = write_posts(alice, posts)
    snapshot = services.take_snapshot(bob.pk)
    assert snapshot == FeedPage(ids[:4], ids[4] if posts > 4 else 0)
    services.rebuild(bob.pk, store.workers)
    assert read(bob.pk) == snapshot


def test_a_post_that_is_pushed_after_the_snapshot_is_kept(
    alice: User, bob: User, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    ids = write_posts(alice, 2)
    late: list[int] = []

    def post() -> None:
        late.extend(write_posts(alice, 1))
        store.workers.push({bob.pk: late})

    meanwhile(post)
    services.rebuild(bob.pk, store.workers)
    assert stored_ids(bob.pk) == late + ids


def test_a_post_that_is_pushed_below_the_floor_makes_no_hole(
    alice: User, bob: User, settings: Settings, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    settings.FEED_MAX_LENGTH = 3
    ids = write_posts(alice, 6)
    meanwhile(lambda: store.workers.push({bob.pk: [ids[5], ids[0]]}))  # delivered again, late
    services.rebuild(bob.pk, store.workers)
    assert read(bob.pk) == FeedPage(ids[:3], ids[3])


def test_a_feed_that_is_invalidated_while_it_is_built_stays_cold(
    alice: User,
    bob: User,
    carol: User,
    redis: Redis,
    meanwhile: Callable[[Callable[[], object]], None],
) -> None:
    hers = write_posts(carol, 1)
    ids = write_posts(alice, 1)

    def follow_carol() -> None:
        edges(carol, [bob])
        store.workers.invalidate([bob.pk])

    meanwhile(follow_carol)
    assert services.rebuild(bob.pk, store.workers) == FeedPage(ids, 0)  # this read began before
    assert not redis.exists(f"feed:{bob.pk}")
    meanwhile(lambda: None)
    services.rebuild(bob.pk, store.workers)
    assert stored_ids(bob.pk) == ids + hers


def test_a_slow_builder_does_not_overwrite_the_next_ones_feed(
    alice: User, bob: User, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    write_posts(alice, 1)

    def somebody_else_rebuilds() -> None:
        make_ready(bob.pk, [99, 98], floor=7)

    meanwhile(somebody_else_rebuilds)
    services.rebuild(bob.pk, store.workers)
    assert read(bob.pk) == FeedPage([99, 98], 7)


def test_while_somebody_else_builds_nothing_is_done(alice: User, bob: User) -> None:
    ids = write_posts(alice, 1)
    store.workers.begin(bob.pk, TOKEN)
    assert services.rebuild(bob.pk, store.workers) is None
    assert read(bob.pk) is None
    store.workers.invalidate([bob.pk])  # as its expiry does
    assert services.rebuild(bob.pk, store.workers) == FeedPage(ids, 0)


def test_a_ready_feed_is_not_built_again(alice: User, bob: User) -> None:
    write_posts(alice, 1)
    make_ready(bob.pk, [7])
    assert services.rebuild(bob.pk, store.workers) is None
    assert stored_ids(bob.pk) == [7]


def test_without_redis_it_says_so(bob: User, redis_away: Away) -> None:
    assert services.rebuild(bob.pk, store.workers) is not None
    with redis_away(), pytest.raises(StoreUnavailable):
        services.rebuild(bob.pk, store.workers)
