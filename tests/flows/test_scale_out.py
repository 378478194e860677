"""One, two and three consumers under load: they share the work, and no post waits for them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import Event

from tests.client import Person
from tests.deadline import wait_until
from tests.faults.chaos_check import Findings, check_redis, check_walks
from tests.processes import another_worker
from tests.running import Service
from tests.stalls import stalls_noted

FOLLOWERS = 120
"""With ids one after the other: ten for each partition."""
GAP_SECONDS = 10
POSTERS = 3
ROUNDS = 3
"""One of which must keep to it."""
SETTLED_SECONDS = 3
"""So long each number of consumers works undisturbed."""


def _wait_until_shared(service: Service, consumers: int) -> None:
    """All partitions, evenly."""

    def are_shared() -> bool:
        shares = service.topics.shares().values()
        return len(shares) == consumers and max(shares) - min(shares) <= 1

    wait_until(are_shared, 60, f"{consumers} share the work", service.topics.shares)
    time.sleep(SETTLED_SECONDS)


@contextmanager
def _load(service: Service, author: Person, followers: list[int]) -> Iterator[list[float]]:
    """Posts on in the block. Fills in how long each timed post took to its last follower's feed,
    but for the time in which the whole machine stood still."""
    over, delays = Event(), list[float]()

    def post_on() -> None:
        while not over.wait(0.1):
            author.posts("one of many")

    def time_posts() -> None:
        while not over.wait(0.05):
            post_id = author.posts("when do you have it?")
            began = time.monotonic()
            seconds = service.wait_for_delivery(post_id, followers, 60)
            delays.append(seconds - stalls.between(began, began + seconds))

    with stalls_noted() as stalls, ThreadPoolExecutor(POSTERS + 1) as threads:
        running = [threads.submit(task) for task in (*[post_on] * POSTERS, time_posts)]
        try:
            yield delays
        finally:
            over.set()
        for thread in running:
            thread.result()


def _come_and_go(service: Service) -> None:
    """One leaves the group, and one just dies."""
    with another_worker(service.stack, "consume_feed") as second:
        _wait_until_shared(service, 2)
        with another_worker(service.stack, "consume_feed") as third:
            _wait_until_shared(service, 3)
            assert third.end() == 0
        _wait_until_shared(service, 2)
        second.process.kill()
        _wait_until_shared(service, 1)


def test_consumers_come_and_go_under_load_and_no_post_waits_for_long(service: Service) -> None:
    author, followers = service.add_author(FOLLOWERS)
    service.warm(followers)
    dead = service.dead_letters()
    _wait_until_shared(service, 1)
    shares = service.topics.shares
    latest: list[float] = []
    # Of a dead member the group takes leave after 6 s; a slow machine may need the rest and more.
    while not latest or min(latest) >= GAP_SECONDS:
        assert len(latest) < ROUNDS, latest
        with _load(service, author, followers) as delays:
            _come_and_go(service)
        service.wait_for_rest()
        # What a post usually takes is no stop, but how fast the machine is.
        latest.append(max(delays) - median(delays))
        print(f"{len(delays)} posts timed, usually {median(delays):.2f} s, {latest[-1]:.2f} s more")
        # How many partitions it reads, changes at midnight.
        wait_until(lambda: len(shares()) == 1, 60, "one consumer again", shares)
    found = Findings()
    check_redis(service, followers, found)
    check_walks(service, followers[::12], found)
    assert not found.all()
    assert found.ready == FOLLOWERS
    assert service.dead_letters() == dead
