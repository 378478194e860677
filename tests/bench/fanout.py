"""(a) Deliveries per second: one post to 10,000 warm, full feeds, from the POST to the last feed.

Its floor is the bare push script: one process, the same feeds, plain redis-py pipelines, no Kafka.
"""

import time
from statistics import median

from django.conf import settings
from django.db import connection
from django_redis import get_redis_connection
from redis.client import Redis

from dev.control import Control
from feeds.store import PUSH, SLACK, key
from tests.bench import cpu
from tests.bench.api import Api
from tests.bench.people import make_author, token

FOLLOWERS = 10_000
PIPELINE = 1_000
PROCESSES = ("api", "relay", "kafka", "consumer", "redis")
FIRST_REAL_ID = 1_000_000
BARE_ID = 1_000_000_000


def run(rounds: int) -> list[str]:
    redis: Redis = get_redis_connection("worker")
    author, followers = make_author("famous", FOLLOWERS)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE posts AUTO_INCREMENT = {FIRST_REAL_ID}")
    fill(redis, followers)
    control, api = Control.attach(), Api(token(author))
    pids = {name: control.pid(name) for name in PROCESSES}
    whole, bare, shares = [], [], []
    for number in range(rounds + 1):
        with cpu.spent(pids) as used:
            whole.append(FOLLOWERS / post_and_wait(redis, api))
            time.sleep(0.2)  # the commit and the outbox row's end are part of the cost
        shares.append({name: seconds / FOLLOWERS * 1e6 for name, seconds in used.items()})
        bare.append(FOLLOWERS / push_bare(redis, followers, BARE_ID + number))
    return report(whole[1:], bare[1:], shares[1:])  # the first round warms up


def fill(redis: Redis, followers: list[int]) -> None:
    """As feeds are after a while: at the cap or up to the slack above it, so some get trimmed."""
    cap = settings.FEED_MAX_LENGTH
    with redis.pipeline(transaction=False) as pipeline:
        for n, follower in enumerate(followers):
            length = cap + n % (cap // SLACK + 1)
            pipeline.zadd(key(follower), {"~": 0} | {str(i): i for i in range(1, length + 1)})
            if n % PIPELINE == PIPELINE - 1:
                pipeline.execute()


def post_and_wait(redis: Redis, api: Api) -> float:
    """Seconds from sending the POST to the last follower's push."""
    done = pushes(redis) + FOLLOWERS
    started = time.perf_counter()
    api.post("/api/v1/posts/", {"content": "한강을 따라 달렸다 🏃 " + "and then some " * 6})
    while pushes(redis) < done:
        if time.perf_counter() - started > 60:
            raise TimeoutError("the post did not reach everybody within a minute")
        time.sleep(0.005)
    return time.perf_counter() - started


def pushes(redis: Redis) -> int:
    """Every push is one EVALSHA."""
    return int(redis.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


def push_bare(redis: Redis, followers: list[int], post_id: int) -> float:
    cap = settings.FEED_MAX_LENGTH
    started = time.perf_counter()
    for start in range(0, len(followers), PIPELINE):
        with redis.pipeline(transaction=False) as pipeline:
            for follower in followers[start : start + PIPELINE]:
                pipeline.evalsha(PUSH.sha, 1, key(follower), cap, cap // SLACK, post_id)
            pipeline.execute()
    return time.perf_counter() - started


def report(whole: list[float], bare: list[float], shares: list[dict[str, float]]) -> list[str]:
    ratios = [w / b for w, b in zip(whole, bare, strict=True)]
    costs = ", ".join(f"{name} {median(s[name] for s in shares):.1f}" for name in PROCESSES)
    return [
        f"(a) deliveries/s, one post to {FOLLOWERS:,} warm full feeds, {len(whole)} rounds:",
        f"    end to end {median(whole):,.0f} ({min(whole):,.0f} to {max(whole):,.0f})",
        f"    bare push script {median(bare):,.0f} ({min(bare):,.0f} to {max(bare):,.0f})",
        f"    ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), aim >= 0.50",
        f"    CPU us per delivery: {costs}",
    ]
