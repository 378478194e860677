"""No test fails because the machine was late: see tests.waits."""

from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from accounts import erasure
from feeds import settling
from newsfeed.events import relay
from newsfeed.redis import client as newsfeed_redis
from tests.waits import PATIENCE_SECONDS, SetLimits


@pytest.fixture(autouse=True)
def _closed_breakers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test breaks does not keep the next from asking, and nor does what was only late."""
    for breaker in (relay.kafka_breaker, newsfeed_redis.breaker):
        breaker.reset()
        monkeypatch.setattr(breaker, "slow_seconds", PATIENCE_SECONDS)


@pytest.fixture
def set_limits(settings: Settings) -> SetLimits:
    def change(**seconds: float) -> None:
        settings.TIME_LIMITS = replace(settings.TIME_LIMITS, **seconds)

    return change


@pytest.fixture
def redis_always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it fails."""
    monkeypatch.setattr(newsfeed_redis.breaker, "minimum", 1_000)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left to others when there is no time for it is left to nobody by accident."""
    monkeypatch.setattr(relay, "INLINE_SECONDS", PATIENCE_SECONDS)
    for module in (erasure, settling):
        monkeypatch.setattr(module, "STEP_SECONDS", PATIENCE_SECONDS)
