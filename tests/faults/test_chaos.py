import os
import random
import subprocess
import sys
import time

import pytest

from dev.control import ROOT
from tests.deadline import wait_until
from tests.faults.chaos_check import Findings, check_posts, check_redis, check_walks
from tests.faults.chaos_load import Load
from tests.faults.chaos_run import END_APPS, FAULTS, Options, plan
from tests.faults.chaos_world import Ledger, World
from tests.running import Service


def test_nothing_is_lost_doubled_misordered_or_shown_again_whatever_breaks(
    service: Service,
) -> None:
    command = [sys.executable, "-m", "tests.faults.chaos", "--seed", "1", "--minutes", "6"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | service.stack.env,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_makes_one_plan_with_every_kind_of_fault() -> None:
    kinds = Options(seed=1).kinds()
    plans = [plan(random.Random(seed), 60, kinds) for seed in (1, 1, 2)]  # noqa: S311
    assert plans[0] == plans[1] != plans[2]
    assert len(plans[0]) == 60
    assert set(plans[0]) == FAULTS.keys()
    assert set(Options(seed=1, spare=True).kinds()) == FAULTS.keys() - END_APPS


@pytest.fixture(scope="module")
def world(service: Service) -> World:
    """Three readers whose feeds hold three posts."""
    world = World(service, random.Random(1))  # noqa: S311
    author, world.readers = service.add_author(followers=3)
    world.hot, world.small = world.readers, [author.id]
    service.warm(world.readers)
    for number in range(3):
        author.posts(f"of {author.id}, number {number}")
    service.wait_for_rest(60)
    return world


def _look(service: Service, world: World) -> Findings:
    found = Findings()
    check_redis(service, world.readers, found)
    check_walks(service, world.readers, found)
    return found


def test_a_lost_post_is_noticed_in_redis_and_over_http(service: Service, world: World) -> None:
    found = _look(service, world)
    assert (found.all(), found.ready) == ([], 3)
    reader = world.readers[0]
    lost = service.database.feed_of(reader)[1]
    service.redis.zrem(f"feed:{reader}", lost)
    assert _look(service, world).lost == [
        f"feed:{reader} (floor 0) lacks [{lost}]",
        f"{reader} is not shown [{lost}]",
    ]
    service.redis.zadd(f"feed:{reader}", {str(lost): lost})
    assert _look(service, world).all() == []


def test_a_feed_that_a_post_has_not_come_to_is_noticed(service: Service, world: World) -> None:
    reader, cold, _ = world.readers
    newest, *_ = service.database.feed_of(reader)
    service.redis.zrem(f"feed:{reader}", newest)
    service.redis.delete(f"feed:{cold}")
    assert service.ready_feeds_without(newest, world.readers) == [reader]
    assert service.ready_feeds_without(newest - 1, world.readers) == []
    service.redis.zadd(f"feed:{reader}", {str(newest): newest})
    service.person(cold).feed()
    assert service.ready_feeds_without(newest, world.readers) == []
    assert _look(service, world).ready == 3


def test_a_floor_that_claims_too_much_is_noticed(service: Service, world: World) -> None:
    reader = world.readers[0]
    newest, _, oldest = service.database.feed_of(reader)
    service.redis.zadd(f"feed:{reader}", {"~": oldest})
    service.redis.zrem(f"feed:{reader}", oldest)
    assert _look(service, world).all() == []  # MySQL has what is at the floor
    service.redis.zrem(f"feed:{reader}", newest)
    assert len(_look(service, world).lost) == 2
    service.redis.delete(f"feed:{reader}")
    service.person(reader).feed()
    assert _look(service, world).all() == []


def test_a_doubled_id_is_noticed_in_redis_and_over_http(service: Service, world: World) -> None:
    reader = world.readers[1]
    post_id = service.database.feed_of(reader)[0]
    service.redis.zadd(f"feed:{reader}", {f"0{post_id}": post_id})
    in_redis, over_http = _look(service, world).doubled
    assert in_redis.startswith(f"feed:{reader} holds")
    assert over_http.startswith(f"{reader} is shown twice")
    service.redis.zrem(f"feed:{reader}", f"0{post_id}")


def test_a_read_that_shows_what_is_gone_is_noticed(service: Service, world: World) -> None:
    author, reader = world.small[0], world.readers[0]
    deleted, *_ = service.database.feed_of(reader)
    for ledger in (
        Ledger(gone={deleted: time.monotonic()}),
        Ledger(left={(id_, author): time.monotonic() for id_ in world.readers}),
    ):
        load = Load(service, world, ledger, seed=1)
        with load:
            wait_until(lambda: ledger.ghosts, 60, "somebody reads")  # noqa: B023
        assert ledger.odd == []


def test_a_post_that_is_not_there_or_there_twice_is_noticed(service: Service, world: World) -> None:
    [author] = service.database.add_users(1)
    service.database.add_posts([(author, "once"), (author, "twice"), (author, "twice")])
    service.database.add_posts([(author, "whose?")])
    found = Findings()
    asked = Ledger(posts={"once": None, "twice": None, "never": None, "vanished": 2**40})
    check_posts(service, [author], asked, found)
    assert [len(found.lost), len(found.doubled), found.ghosts] == [
        1,
        1,
        ["nobody posted {'whose?'}"],
    ]
