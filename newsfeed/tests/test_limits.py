"""How many requests are answered, by whom they are counted, and what the others are told."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Redis
from newsfeed.api import limits
from newsfeed.api.limits import Limit, Memory, admit
from newsfeed.tests.conftest import Away
from tests.deadline import wait_until

FEED = "/api/v1/feed/"
ME = "/api/v1/users/me/"
LOGIN = "/api/v1/auth/login/"
KEY = "rate_limit:7:feed"


@pytest.fixture
def three(settings: Settings) -> None:
    """Three a minute; of sign-ups, five an hour."""
    settings.RATE_LIMITS = "default=3/m,login=3/m,login-address=100/m,login-username=100/h,"
    settings.RATE_LIMITS += "signup=5/h"


@pytest.fixture
def another_process() -> Callable[[], None]:
    """From now on, it is another one that asks: it knows nothing but Redis."""
    return limits.memory.reset


@pytest.mark.usefixtures("three")
def test_the_one_beyond_the_limit_is_told_when_to_come_again(as_alice: APIClient) -> None:
    answers = [as_alice.get(FEED) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    for answer in answers:
        assert answer.headers["RateLimit-Limit"] == "3"
        assert answer.headers["RateLimit-Policy"] == "3;w=60"
        assert 30 < int(answer.headers["RateLimit-Reset"]) <= 60
    refusal = answers[-1]
    assert refusal.headers["Retry-After"] == refusal.headers["RateLimit-Reset"]
    assert refusal.headers["Content-Type"] == "application/problem+json"
    assert refusal.json()["title"] == "Too Many Requests"
    assert refusal.json()["status"] == 429


@pytest.mark.usefixtures("three")
def test_each_user_and_each_endpoint_has_a_limit_of_its_own(
    as_alice: APIClient, as_bob: APIClient
) -> None:
    assert [as_alice.get(FEED).status_code for _ in range(4)][2:] == [200, 429]
    assert as_alice.get(ME).status_code == 200
    assert as_bob.get(FEED).status_code == 200
    assert as_alice.get(FEED).status_code == 429


def test_the_count_is_in_redis_under_its_name(
    as_alice: APIClient, alice: User, redis: Redis
) -> None:
    as_alice.get(FEED)
    key = f"rate_limit:{alice.pk}:feed"
    assert redis.llen(key) == 1
    assert 30_000 < int(redis.pttl(key)) <= 60_000


@pytest.mark.usefixtures("three")
def test_whoever_has_no_token_goes_by_the_address(client: APIClient, redis: Redis) -> None:
    form = {"refresh": "x"}
    answers = [client.post("/api/v1/auth/refresh/", form).status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]
    other = client.post("/api/v1/auth/refresh/", form, REMOTE_ADDR="198.51.100.7")
    assert other.status_code == 401
    assert redis.exists("rate_limit:127.0.0.1:refresh", "rate_limit:198.51.100.7:refresh") == 2


@pytest.mark.usefixtures("three")
def test_who_signs_up_goes_by_the_address(client: APIClient, redis: Redis, db: None) -> None:
    for address in ("198.51.100.7", "198.51.100.8"):
        client.post("/api/v1/auth/signup/", {}, REMOTE_ADDR=address)
        assert redis.llen(f"rate_limit:{address}:signup") == 1


@pytest.mark.usefixtures("three")
def test_an_endpoint_may_have_another_limit(client: APIClient, db: None) -> None:
    response = client.post("/api/v1/auth/signup/", {})
    assert response.status_code == 400
    assert response.headers["RateLimit-Policy"] == "5;w=3600"


def test_what_no_limit_is_for_has_no_headers(client: APIClient) -> None:
    response = client.get("/ping")
    assert response.status_code == 200
    assert not {"RateLimit-Limit", "X-Token-Refresh-Needed"} & set(response.headers)


def test_the_window_slides(another_process: Callable[[], None], redis: Redis) -> None:
    def age(seconds: int) -> None:
        """Of all that Redis knows of; it goes by its own clock."""
        times = [int(cast("bytes", time)) for time in redis.lrange(KEY, 0, -1)]
        redis.delete(KEY)
        redis.rpush(KEY, *(time - seconds * 1_000_000 for time in times))
        another_process()

    limit = Limit(2, 60)
    assert admit(KEY, limit).admitted
    age(30)
    assert admit(KEY, limit).admitted
    assert not admit(KEY, limit).admitted
    age(31)
    assert admit(KEY, limit).admitted  # the first one has left the window
    assert not admit(KEY, limit).admitted  # the second one has not


def test_the_window_of_a_process_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))
    memory, answers = Memory(), []
    for passed in (0, 10, 20, 0, 29, 1, 0):
        now[0] += passed
        counted = memory.admit(KEY, Limit(3, 60))
        answers.append((counted.admitted, counted.seconds))
    assert answers == [
        *((True, seconds) for seconds in (60, 50, 30)),  # until the first one leaves the window
        *((False, seconds) for seconds in (30, 1)),
        *((True, 10), (False, 10)),  # it has left: now until the second one leaves
    ]


def test_a_moment_counts_as_long_as_it_lasts(another_process: Callable[[], None]) -> None:
    limit, began = Limit(1, 1), time.monotonic()
    assert admit(KEY, limit).admitted
    wait_until(lambda: admit(KEY, limit).admitted, 60, "it has left the window")
    assert time.monotonic() - began >= 1


def test_all_processes_share_the_limit(another_process: Callable[[], None]) -> None:
    for _ in range(3):
        assert admit(KEY, Limit(3, 60)).admitted
        another_process()
    assert not admit(KEY, Limit(3, 60)).admitted


def test_what_is_given_back_leaves_the_others_their_times(
    redis: Redis, another_process: Callable[[], None]
) -> None:
    limit = Limit(3, 60)
    first, second, third = (admit(KEY, limit) for _ in range(3))
    assert not admit(KEY, limit).admitted
    limits.give_back([second, admit(KEY, limit)])
    assert [int(cast("bytes", time)) for time in redis.lrange(KEY, 0, -1)] == [
        third.redis_at,
        first.redis_at,
    ]
    assert [admit(KEY, limit).admitted for _ in range(2)] == [True, False]
    another_process()
    assert not admit(KEY, limit).admitted


def test_without_redis_it_is_given_back_too(redis_away: Away, redis: Redis) -> None:
    limit = Limit(4, 60)  # two a process
    counted_by_redis = admit(KEY, limit)
    with redis_away():
        counted_here = admit(KEY, limit)
        assert not admit(KEY, limit).admitted
        limits.give_back([counted_by_redis, counted_here])
        assert [admit(KEY, limit).admitted for _ in range(3)] == [True, True, False]
    assert redis.llen(KEY) == 1, "Redis goes on counting what it could not be told of"


def test_a_refusal_does_not_count(redis: Redis) -> None:
    for _ in range(5):
        admit(KEY, Limit(2, 60))
    assert redis.llen(KEY) == 2


def test_a_script_that_redis_has_lost_is_sent_again(redis: Redis) -> None:
    assert admit(KEY, Limit(2, 60)).remaining == 1
    redis.script_flush()
    assert admit(KEY, Limit(2, 60)).remaining == 0
    assert not admit(KEY, Limit(2, 60)).admitted


def test_a_process_stays_within_the_limit_although_redis_is_flushed(
    redis: Redis, another_process: Callable[[], None]
) -> None:
    admitted = 0
    for _ in range(10):
        admitted += admit(KEY, Limit(3, 60)).admitted
        redis.flushdb()
    assert admitted == 3
    another_process()
    assert admit(KEY, Limit(3, 60)).admitted


@pytest.mark.parametrize(("microseconds", "seconds"), [(0, 1), (1_000_000, 1), (29_000_001, 30)])
def test_who_comes_again_when_told_to_does_not_come_too_early(
    microseconds: int, seconds: int
) -> None:
    assert limits.outcome(KEY, Limit(2, 60), [0, 2, microseconds, 0]).seconds == seconds


def test_a_limit_that_is_lowered_tells_the_right_time(redis: Redis) -> None:
    now, micro = redis.time()
    for seconds in (50, 30, 10):  # ago
        redis.lpush(KEY, (now - seconds) * 1_000_000 + micro)
    refusal = admit(KEY, Limit(2, 60))
    assert not refusal.admitted
    assert 20 <= refusal.seconds <= 31
    assert refusal.remaining == 0


@pytest.mark.parametrize(("ahead", "admitted"), [(30, False), (3_600, True)])
def test_a_clock_that_was_set_back_neither_admits_more_nor_locks_out(
    redis: Redis, *, ahead: int, admitted: bool
) -> None:
    now, micro = redis.time()
    for _ in range(2):
        redis.lpush(KEY, (now + ahead) * 1_000_000 + micro)
    assert admit(KEY, Limit(2, 60)).admitted is admitted


def test_without_redis_a_process_admits_its_share(
    as_alice: APIClient, settings: Settings, redis_away: Away
) -> None:
    settings.RATE_LIMITS, settings.WEB_CONCURRENCY = "default=4/m", 8  # one at least
    with redis_away():
        answers = [as_alice.get(ME) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].headers["RateLimit-Policy"] == "1;w=60"
    assert int(answers[-1].headers["Retry-After"]) > 30
    wait_until(lambda: as_alice.get(ME).status_code == 200, 60, "Redis is asked again")


def test_what_redis_has_admitted_counts_when_it_is_gone(redis_away: Away) -> None:
    assert [admit(KEY, Limit(8, 60)).admitted for _ in range(3)] == [True] * 3
    with redis_away():
        assert [admit(KEY, Limit(8, 60)).admitted for _ in range(3)] == [True, False, False]


@pytest.mark.usefixtures("three")
def test_without_redis_log_in_is_limited_too(
    client: APIClient, alice: User, redis_away: Away
) -> None:
    form = {"username": "alice", "password": "wrong"}
    with redis_away():
        answers = [client.post(LOGIN, form).status_code for _ in range(4)]
    assert answers == [401, 429, 429, 429]


def test_what_a_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_KEYS", 2)
    memory, limit = Memory(), Limit(1, 60)
    admitted = [memory.admit(key, limit).admitted for key in "abacab"]
    assert admitted == [True, True, False, True, False, True]  # b was idle for the longest


def test_a_later_limit_replaces_an_earlier_one() -> None:
    assert limits.parse("default=100/m, login=5/m,,login=6/h,signup=2/s") == {
        "default": Limit(100, 60),
        "signup": Limit(2, 1),
        "login": Limit(6, 3600),
    }


@pytest.mark.parametrize(
    "text", ["login", "login=5", "login=0/m", "login=5/d", "login=-1/m", "=5/m"]
)
def test_another_form_of_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        limits.parse(f"default=1/m,{text}")
