"""What a busy machine is late for is no sign of a server that is away."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from accounts import erasure
from feeds import visibility
from newsfeed.events import relay
from newsfeed.redis import client as newsfeed_redis
from newsfeed.time_limits import TimeLimits

SECONDS = 4.0
PATIENT = TimeLimits(
    redis_request=SECONDS,
    kafka_metadata=1.0,  # and so long tests wait for topics that are missing
    kafka_connect=SECONDS,
    kafka_ping=SECONDS,
)
SetLimits = Callable[..., None]
"""Takes the fields of TimeLimits that a test changes."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No breaker opens, and no work is left to others, because time was short."""
    for breaker in (relay.kafka_breaker, newsfeed_redis.breaker):
        breaker.reset()
        monkeypatch.setattr(breaker, "slow_seconds", SECONDS)
    monkeypatch.setattr(relay, "INLINE_SECONDS", SECONDS)
    for module in (erasure, visibility):
        monkeypatch.setattr(module, "STEP_SECONDS", SECONDS)


@pytest.fixture
def set_limits(settings: Settings) -> SetLimits:
    def change(**seconds: float) -> None:
        settings.TIME_LIMITS = replace(settings.TIME_LIMITS, **seconds)

    return change


@pytest.fixture
def redis_always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it fails."""
    monkeypatch.setattr(newsfeed_redis.breaker, "minimum", 1_000)
