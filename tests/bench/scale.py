"""(d) Deliveries per second, and their cost, with one, two and three consumers."""

import time
from contextlib import ExitStack
from statistics import median

from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection
from redis.client import Redis

from dev.control import Control
from tests.bench import cpu, sizes
from tests.bench.api import Api
from tests.bench.fanout import FIRST_REAL_ID, FOLLOWERS, PROCESSES, fill, post_and_wait
from tests.bench.people import make_author, token
from tests.deadline import wait_until
from tests.processes import another_worker
from tests.topics import Topics

CONSUMERS = (1, 2, 3)


def run(rounds: int) -> list[str]:
    redis: Redis = get_redis_connection("worker")
    author, followers = make_author("grown", FOLLOWERS)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE posts AUTO_INCREMENT = {FIRST_REAL_ID}")
    fill(redis, followers)
    lines = [f"(d) one post to {FOLLOWERS:,} warm full feeds, {rounds} rounds each:"]
    lines += [_measure(redis, Api(token(author)), count, rounds) for count in CONSUMERS]
    return lines + sizes.run(redis, author, followers)


def _measure(redis: Redis, api: Api, count: int, rounds: int) -> str:
    control = Control.attach()
    pids = {name: control.pid(name) for name in PROCESSES}
    rates, shares = [], []
    with ExitStack() as running:
        for number in range(1, count):
            process = running.enter_context(another_worker(control, "consume_feed")).process
            running.callback(process.wait, 30)
            running.callback(process.terminate)
            pids[f"consumer {number}"] = process.pid
        _wait_until_shared(count)
        for _ in range(rounds + 1):
            with cpu.spent(pids) as used:
                rates.append(FOLLOWERS / post_and_wait(redis, api))
                time.sleep(0.2)  # the commit and the outbox row's end are part of the cost
            shares.append(_by_program(used))
    costs = ", ".join(f"{name} {median(s[name] for s in shares[1:]):.1f}" for name in PROCESSES)
    return (
        f"    consumers {count}: {median(rates[1:]):,.0f} deliveries/s"
        f" ({min(rates[1:]):,.0f} to {max(rates[1:]):,.0f}); CPU us per delivery: {costs}"
    )


def _by_program(used: dict[str, float]) -> dict[str, float]:
    """Microseconds per delivery, all consumers together."""
    return {
        name: 1e6 / FOLLOWERS * sum(s for process, s in used.items() if process.split()[0] == name)
        for name in PROCESSES
    }


def _wait_until_shared(count: int) -> None:
    topics = Topics(settings.KAFKA_BOOTSTRAP_SERVERS[0])
    wait_until(lambda: len(topics.shares()) == count, 60, f"{count} consumers", topics.shares)
    time.sleep(1)  # the cooperative protocol shares out in two rounds
