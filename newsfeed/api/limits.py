"""A limit of requests in any stretch of a number of seconds, by each user and endpoint.

The algorithm is the sliding-window log: the times of the admitted requests are kept, and one more
is admitted while fewer than the limit lie in the window. `admit.lua` keeps them in one list in
Redis, `rate_limit:{who}:{endpoint}`, as the moving window of the library `limits` does (Ali-Akber
Saifee), but by the clock of Redis. So it is exact however many processes and hosts ask at once.

Each process also remembers what it has admitted itself. That decides while Redis is away, and it
holds when Redis is flushed: a process never admits more than the limit by its own hand.
"""

import logging
import math
import re
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from prometheus_client import Counter

from newsfeed.redis import client as redis
from newsfeed.redis.client import Command, RedisUnavailable, Script

logger = logging.getLogger(__name__)

ADMIT = Script(Path(__file__).parent / "admit.lua")
SECONDS = {"s": 1, "m": 60, "h": 3600}
_ITEM = re.compile(r"([a-z-]+)=([1-9][0-9]{0,8})/([smh])")
NAMES = {"default", "login-address", "login-known", "login-username", "password", "unauthorized"}
"""Limits that are not of one endpoint."""
MAX_KEYS = 10_000
"""That a process remembers: some MB. Whoever was idle for the longest is forgotten first."""
DECIDED = Counter("feed_limiter_decisions_total", "Requests counted.", ["by", "outcome"])
for _by in ("redis", "process"):
    for _outcome in ("admitted", "refused"):
        DECIDED.labels(_by, _outcome)


class Limit(NamedTuple):
    requests: int
    seconds: int


class Outcome(NamedTuple):
    admitted: bool
    limit: Limit
    remaining: int
    seconds: int
    """Rounded up: until the oldest request leaves the window, so that one more is admitted."""
    key: str
    at: float
    """When it was admitted, by this process's clock."""
    redis_at: int
    """The same by the clock of Redis, in microseconds; 0 if Redis did not count it."""

    def headers(self) -> dict[str, str]:
        """As in draft-ietf-httpapi-ratelimit-headers-06, the last form with a field for each."""
        return {
            "RateLimit-Policy": f"{self.limit.requests};w={self.limit.seconds}",
            "RateLimit-Limit": str(self.limit.requests),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.seconds),
        }


@lru_cache
def parse(text: str) -> dict[str, Limit]:
    """Limits by endpoint; of two for the same one the later counts. Raises ValueError.

    >>> parse("default=100/m,login=5/m,login=6/m")
    {'default': Limit(requests=100, seconds=60), 'login': Limit(requests=6, seconds=60)}
    """
    limits = {}
    for item in filter(None, map(str.strip, text.split(","))):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(item)
        limits[match[1]] = Limit(int(match[2]), SECONDS[match[3]])
    return limits


def limit_of(endpoint: str) -> Limit:
    """Endpoints go by their names in the URL configuration."""
    limits = parse(settings.RATE_LIMITS)
    return limits.get(endpoint) or limits["default"]


def key(who: object, endpoint: str) -> str:
    return f"rate_limit:{who}:{endpoint}"


def endpoint_in(key: str) -> str:
    """Its name: the part of `who` may hold colons (IPv6), the name has none."""
    return key.rpartition(":")[2]


def command(key: str, limit: Limit) -> Command:
    """Asks for one request. It may be sent along with others of `redis.ask`."""
    return ("EVALSHA", ADMIT.sha, 1, key, limit.requests, limit.seconds * 1_000_000)


def outcome(key: str, limit: Limit, reply: list[int]) -> Outcome:
    """What the reply to `command` means."""
    admitted, used, microseconds, redis_at = reply
    mine = memory.admit(key, limit) if admitted else None
    is_admitted = mine is not None and mine.admitted  # if Redis alone admits, it was flushed
    counted = Counted(is_admitted, used, microseconds / 1e6, mine.at if mine else 0.0)
    return _decided("redis", key, limit, counted, redis_at)


def admit(key: str, limit: Limit) -> Outcome:
    """Counts one request. Without Redis, this process admits its share of the limit."""
    try:
        (reply,) = redis.ask(command(key, limit))
    except RedisUnavailable as error:
        logger.warning("requests are counted without Redis: %s", error)
        return alone(key, limit)
    return outcome(key, limit, reply)


def alone(key: str, limit: Limit) -> Outcome:
    """What this process decides by itself: one of WEB_CONCURRENCY that share the limit."""
    share = limit._replace(requests=max(1, limit.requests // settings.WEB_CONCURRENCY))
    return _decided("process", key, share, memory.admit(key, share))


def give_back(outcomes: Iterable[Outcome]) -> None:
    """Takes back requests that turned out not to count. Without Redis, its count stays."""
    admitted = [one for one in outcomes if one.admitted]
    for one in admitted:
        memory.give_back(one.key, one.at)
    commands = [("LREM", one.key, 1, one.redis_at) for one in admitted if one.redis_at]
    try:
        if commands:
            redis.ask(*commands)
    except RedisUnavailable as error:
        logger.warning("%d requests stay counted: %s", len(commands), error)


class Counted(NamedTuple):
    admitted: bool
    used: int
    """How many are in the window."""
    seconds: float
    """Until one more is admitted."""
    at: float


def _decided(by: str, key: str, limit: Limit, counted: Counted, redis_at: int = 0) -> Outcome:
    DECIDED.labels(by, "admitted" if counted.admitted else "refused").inc()
    remaining = max(0, limit.requests - counted.used) if counted.admitted else 0
    seconds = max(1, math.ceil(counted.seconds))
    return Outcome(counted.admitted, limit, remaining, seconds, key, counted.at, redis_at)


class Memory:
    """The times of the requests that this process has admitted, for some time per key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, key: str, limit: Limit) -> Counted:
        with self._lock:
            times = self._times.setdefault(key, deque())
            self._times.move_to_end(key)
            if len(self._times) > MAX_KEYS:
                self._times.popitem(last=False)
            now = time.monotonic()
            while times and times[0] <= now - limit.seconds:
                times.popleft()
            admitted = len(times) < limit.requests
            if admitted:
                times.append(now)
            nth = times[max(0, len(times) - limit.requests)]
            return Counted(admitted, len(times), nth + limit.seconds - now, now)

    def give_back(self, key: str, at: float) -> None:
        with self._lock, suppress(KeyError, ValueError):  # forgotten already
            self._times[key].remove(at)


memory = Memory()
