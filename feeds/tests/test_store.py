from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from conftest import Redis
from feeds import store
from feeds.store import FeedPage
from feeds.tests.conftest import TOKEN, make_ready, read, stored_ids
from tests.redis_cluster import client_of

ANN, BEN, CAT = 1, 2, 3
workers = store.workers


@pytest.fixture(autouse=True, params=["single", "cluster"])
def redis(request: pytest.FixtureRequest, redis: Redis) -> Redis:
    """Both kinds hold what the store promises."""
    if request.param == "single":
        return redis
    request.getfixturevalue("redis_cluster")
    return cast("Redis", client_of("worker"))


def _raw(redis: Redis, user_id: int) -> dict[str, int]:
    found: Any = redis.zrange(f"feed:{user_id}", 0, -1, withscores=True)
    return {member.decode(): int(score) for member, score in found}


def test_the_key_holds_the_ids_and_the_sentinel_with_the_floor(redis: Redis) -> None:
    make_ready(ANN, [12, 11], floor=10)
    assert _raw(redis, ANN) == {"~": 10, "11": 11, "12": 12}


def test_a_push_warms_nothing(redis: Redis) -> None:
    make_ready(ANN)
    workers.push({ANN: [5], BEN: [5]})
    assert stored_ids(ANN) == [5]
    assert not redis.exists("feed:2")


def test_pushes_to_many_feeds_go_together() -> None:
    users = range(1, 2_001)
    for user_id in users:
        make_ready(user_id)
    workers.push({user_id: [user_id, user_id + 1] for user_id in users})
    assert [stored_ids(user_id) for user_id in users] == [[n + 1, n] for n in users]
    workers.push({})


def test_while_a_feed_is_built_it_is_not_ready_but_keeps_pushes() -> None:
    assert workers.begin(ANN, TOKEN)
    workers.push({ANN: [7, 8]})
    assert read(ANN) is None
    assert workers.finish(ANN, TOKEN, FeedPage([6, 5], 0))
    assert read(ANN) == FeedPage([8, 7, 6, 5], 0)


def test_one_builder_at_a_time() -> None:
    assert workers.begin(ANN, TOKEN)
    assert not workers.begin(ANN, TOKEN + 1)
    assert workers.begin(BEN, TOKEN + 1)
    assert workers.finish(ANN, TOKEN, FeedPage([], 0))
    assert not workers.begin(ANN, TOKEN + 1)
    workers.invalidate([ANN])
    assert workers.begin(ANN, TOKEN + 1)


def test_a_builder_that_dies_is_forgotten(redis: Redis) -> None:
    workers.begin(ANN, TOKEN)
    assert 0 < redis.pttl("feed:1") <= 10_000
    workers.push({ANN: [1]})
    assert 0 < redis.pttl("feed:1") <= 10_000


def test_a_builder_without_its_token_cannot_finish(redis: Redis) -> None:
    snapshot = FeedPage([5], 0)
    assert not workers.finish(ANN, TOKEN, snapshot)  # never begun
    workers.begin(ANN, TOKEN)
    workers.invalidate([ANN])
    assert not workers.finish(ANN, TOKEN, snapshot)
    assert not redis.exists("feed:1")
    workers.begin(ANN, TOKEN + 1)
    assert not workers.finish(ANN, TOKEN, snapshot)
    assert _raw(redis, ANN) == {"~": -TOKEN - 1}
    assert workers.finish(ANN, TOKEN + 1, snapshot)
    assert not workers.finish(ANN, TOKEN + 1, FeedPage([6], 0))  # finished already
    assert stored_ids(ANN) == [5]


@pytest.mark.parametrize("token", [1, 2**31, 2**52 + 1, 2**53 - 1])
def test_tokens_may_be_as_large_as_a_score_is_exact(token: int) -> None:
    assert workers.begin(ANN, token)
    assert not workers.finish(ANN, token - 1 or 2, FeedPage([], 0))
    assert workers.finish(ANN, token, FeedPage([], 0))


@pytest.mark.parametrize("floor", [0, 100])
def test_a_feed_may_outgrow_its_cap_by_a_sixteenth(
    redis: Redis, settings: Settings, floor: int
) -> None:
    settings.FEED_MAX_LENGTH = 32
    full = list(range(132, 100, -1))
    make_ready(ANN, full, floor=floor)
    workers.push({ANN: [133, 134]})
    assert read(ANN) == FeedPage([134, 133, *full], floor)
    for late in ([135], [full[29], full[30]]):  # the second is delivered once more
        workers.push({ANN: late})
        assert read(ANN) == FeedPage([135, 134, 133, *full[:29]], full[29])
    assert redis.zcard("feed:1") == 32 + 1  # the sentinel


def test_a_feed_that_is_built_is_not_trimmed(settings: Settings) -> None:
    settings.FEED_MAX_LENGTH = 4
    workers.begin(ANN, TOKEN)
    workers.push({ANN: list(range(1, 20))})
    settings.FEED_MAX_LENGTH = 100
    assert workers.finish(ANN, TOKEN, FeedPage([], 0))
    assert len(stored_ids(ANN)) == 19


def test_an_empty_feed_is_not_a_cold_one() -> None:
    make_ready(ANN)
    assert read(ANN) == FeedPage([], 0)
    assert read(BEN) is None


def test_a_page_is_newest_first_below_an_id() -> None:
    make_ready(ANN, [30, 9, 7, 5], floor=3)
    assert read(ANN, limit=2) == FeedPage([30, 9], 3)
    assert read(ANN, before=9, limit=2) == FeedPage([7, 5], 3)
    assert read(ANN, before=5) == FeedPage([], 3)
    assert read(ANN, before=2) == FeedPage([], 3)


def test_reading_keeps_a_feed_alive_and_pushing_does_not(redis: Redis, settings: Settings) -> None:
    settings.FEED_TTL_SECONDS = 1_000
    make_ready(ANN)
    assert 990 < redis.ttl("feed:1") <= 1_000
    redis.expire("feed:1", 10)
    workers.push({ANN: [1]})
    assert redis.ttl("feed:1") <= 10
    read(ANN)
    assert 990 < redis.ttl("feed:1") <= 1_000


def test_removing_a_post_leaves_the_others(redis: Redis) -> None:
    make_ready(ANN, [6, 5])
    make_ready(BEN, [6])
    workers.remove([ANN, BEN, CAT], [6])
    assert stored_ids(ANN) == [5]
    assert read(BEN) == FeedPage([], 0)
    assert not redis.exists("feed:3")


def test_invalidating_makes_feeds_cold() -> None:
    for user_id in (ANN, BEN, CAT):
        make_ready(user_id, [5])
    workers.invalidate([ANN, BEN])
    workers.invalidate([])
    assert (read(ANN), read(BEN), read(CAT)) == (None, None, FeedPage([5], 0))


def test_redis_may_forget_the_scripts(redis: Redis) -> None:
    redis.script_flush()
    assert workers.begin(ANN, TOKEN)
    redis.script_flush()
    workers.push({ANN: [6], BEN: [6]})
    redis.script_flush()
    assert workers.finish(ANN, TOKEN, FeedPage([5], 0))
    redis.script_flush()
    workers.push({ANN: [7], BEN: [7]})
    redis.script_flush()
    assert read(ANN) == FeedPage([7, 6, 5], 0)


def test_requests_and_workers_see_the_same_feeds() -> None:
    make_ready(ANN, [5])
    assert store.requests.read(ANN, before=10, limit=10) == FeedPage([5], 0)
    store.requests.ping()


# Few ids and a small cap, so that most examples trim and most ids meet the floor.
CAP, SLACK = 4, 2
post_ids = st.integers(1, 12)
operations = st.lists(
    st.tuples(st.just("push"), st.lists(post_ids, min_size=1, max_size=8))
    | st.tuples(st.just("finish"), st.lists(post_ids, max_size=CAP, unique=True))
    | st.tuples(st.sampled_from(["begin", "wrong finish", "invalidate"]), st.just([]))
    | st.tuples(st.just("remove"), st.lists(post_ids, min_size=1, max_size=1)),
    max_size=30,
)


class Model:
    """What a feed should hold, written down in Python."""

    def __init__(self) -> None:
        self.floor: int | None = None
        self.ids: set[int] = set()

    def push(self, ids: list[int]) -> None:
        if self.floor is None:
            return
        self.ids |= {id_ for id_ in ids if id_ > (self.floor or 0)}
        if self.floor >= 0 and len(self.ids) > CAP + CAP // SLACK:
            self.trim()

    def begin(self, _: list[int]) -> None:
        if self.floor is None:
            self.floor = -TOKEN

    def finish(self, ids: list[int]) -> None:
        if self.floor == -TOKEN:
            self.floor = min(ids, default=1) - 1
            self.ids = {id_ for id_ in self.ids if id_ > (self.floor or 0)} | set(ids)
            self.trim()

    def trim(self) -> None:
        kept, dropped = sorted(self.ids)[-CAP:], sorted(self.ids)[:-CAP]
        self.floor, self.ids = max([*dropped, self.floor or 0]), set(kept)

    def remove(self, ids: list[int]) -> None:
        self.ids -= set(ids)

    def invalidate(self, _: list[int]) -> None:
        self.floor, self.ids = None, set()

    def raw(self) -> dict[str, int]:
        if self.floor is None:
            return {}
        return {"~": self.floor} | {str(id_): id_ for id_ in self.ids}


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
def test_any_order_of_operations_leaves_what_it_should(
    redis: Redis,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    operations: list[tuple[str, list[int]]],
) -> None:
    settings.FEED_MAX_LENGTH = CAP
    monkeypatch.setattr(store, "SLACK", SLACK)
    workers.invalidate([ANN])
    model = Model()
    for name, ids in operations:
        if name == "push":
            workers.push({ANN: ids})
        elif name == "begin":
            workers.begin(ANN, TOKEN)
        elif name == "finish":
            workers.finish(ANN, TOKEN, FeedPage(sorted(ids, reverse=True), min(ids, default=1) - 1))
        elif name == "remove":
            workers.remove([ANN], ids)
        elif name == "invalidate":
            workers.invalidate([ANN])
        else:
            assert not workers.finish(ANN, TOKEN + 1, FeedPage(ids, 0))
            continue
        getattr(model, name)(ids)
        assert _raw(redis, ANN) == model.raw()
