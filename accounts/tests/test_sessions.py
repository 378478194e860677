"""What Redis holds of a session, what it spares, and what it must never cause."""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

import jwt
import orjson
import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import revocation, selectors, session_cache, sessions
from accounts.models import RevokedToken, User
from accounts.services import end_all_sessions
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens
from conftest import Redis
from newsfeed.redis import client as newsfeed_redis
from tests.redis_server import Away, RedisServer
from tests.time_limits import SetLimits

pytestmark = pytest.mark.django_db(transaction=True)
LOGOUT = "/api/v1/auth/logout/"
# Answers from what the token says alone, so each query is one for the session.
LOOKUP = "/api/v1/users/?username=nobody"
End = Callable[[APIClient, User], object]
ENDS: dict[str, End] = {
    "log-out": lambda session, _: session.post(LOGOUT),
    "log-out of all": lambda session, _: session.post("/api/v1/auth/logout-all/"),
    "suspension": lambda _, user: _suspend(user),
    "deletion": lambda _, user: user.delete(),
    "a new password": lambda _, user: _set_password(user),
    "end_all_sessions": lambda _, user: end_all_sessions(user.pk),
}


@pytest.fixture(autouse=True)
def _short_leases(set_limits: SetLimits) -> None:
    set_limits(session_lease=0.1)


def _suspend(user: User) -> None:
    user.is_active = False
    user.save()


def _set_password(user: User) -> None:
    user.set_password("another one")
    user.save()


def _queries(session: APIClient) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert session.get(LOOKUP).status_code == 200
    return len(queries) - 1


def _key(access: str) -> str:
    return f"session:{jwt.decode(access, options={'verify_signature': False})['jti']}"


@pytest.fixture
def session(alice: User) -> APIClient:
    """Alice, known to Redis."""
    session = bearer(issue_tokens(alice)["access"])
    assert session.get(ME).status_code == 200
    return session


def test_a_known_session_needs_no_query(session: APIClient, redis: Redis) -> None:
    assert _queries(session) == 0
    redis.flushdb()
    assert _queries(session) == 1
    assert _queries(session) == 0


def test_the_principal_is_kept_for_half_an_hour_at_most(alice: User, redis: Redis) -> None:
    access = issue_tokens(alice)["access"]
    bearer(access).get(ME)
    kept = cast("bytes", redis.get(_key(access)))
    assert orjson.loads(kept) == {"id": alice.pk, "username": "alice", "display_name": "Alice"}
    assert 1790 < redis.ttl(_key(access)) <= 1800


def test_the_session_is_not_kept_longer_than_its_token(alice: User, redis: Redis) -> None:
    access = issue_tokens(alice)["access"]
    with time_machine.travel(timezone.now() + timedelta(minutes=29)):
        assert bearer(access).get(ME).status_code == 200
    assert 80 <= redis.ttl(_key(access)) <= 91  # a minute, and the leeway for clocks


def test_redis_does_not_decide_who_somebody_is(alice: User, bob: User, redis: Redis) -> None:
    access = issue_tokens(alice)["access"]
    session = bearer(access)
    assert session.get(ME).json()["id"] == alice.pk
    of_bob = {"id": bob.pk, "username": "bob", "display_name": "Bob"}
    redis.set(_key(access), orjson.dumps(of_bob))
    assert session.get(ME).json()["id"] == alice.pk
    assert orjson.loads(cast("bytes", redis.get(_key(access))))["id"] == alice.pk


@pytest.mark.parametrize("fill", ["set", "rpush"])
def test_a_revocation_that_redis_has_lost_to_something_else_is_found_in_mysql(
    alice: User, redis: Redis, fill: str
) -> None:
    access = issue_tokens(alice)["access"]
    session, key = bearer(access), _key(access)
    assert session.get(ME).status_code == 200
    kept = cast("bytes", redis.get(key))
    assert session.post(LOGOUT).status_code == 204
    mark = key.replace("session", "auth:blacklist")
    redis.set(key, kept)
    assert _is_out(session)  # the mark wins over a session that came back
    redis.delete(mark)
    getattr(redis, fill)(mark, "x")
    assert _is_out(session)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_end_of_a_session_takes_effect_at_once(
    session: APIClient, alice: User, as_bob: APIClient, end: End, redis: Redis
) -> None:
    assert as_bob.get(ME).status_code == 200
    end(session, alice)
    assert _is_out(session)
    redis.flushdb()
    assert _is_out(session)
    assert as_bob.get(ME).status_code == 200


def _is_out(session: APIClient) -> bool:
    response = session.get(ME)
    assert (response.status_code == 401) == ("X-Relogin-Required" in response.headers)
    return response.status_code == 401


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.usefixtures("redis_always_asked")
def test_a_redis_that_was_away_meanwhile_does_not_let_in_who_is_out(
    session: APIClient,
    alice: User,
    redis_away: Away,
    end: End,
    redis: Redis,
) -> None:
    """It comes back with all that it held."""
    assert _queries(session) == 0
    with redis_away():
        end(session, alice)
    assert redis.keys("session:*")
    assert _is_out(session)
    assert _is_out(session)


def test_a_redis_that_hung_meanwhile_does_not_either(
    redis_server: RedisServer, session: APIClient
) -> None:
    assert _queries(session) == 0
    redis_server.freeze()
    assert session.post(LOGOUT).status_code == 204
    assert _is_out(session)
    redis_server.thaw()
    assert _is_out(session)


@pytest.mark.parametrize(
    ("error", "took", "waited"),
    [
        (newsfeed_redis.RedisUnavailable, 0, [8]),
        (newsfeed_redis.RedisUnavailable, 3, [5]),
        (newsfeed_redis.RedisUnavailable, 9, [0]),
        (KeyError, 3, [5]),  # a bug; the session has ended all the same
        (None, 3, []),
    ],
)
def test_a_log_out_that_redis_was_not_told_of_waits_until_no_process_trusts_redis(
    session: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    set_limits: SetLimits,
    error: type[Exception] | None,
    took: int,
    waited: list[int],
) -> None:
    """Another one saw, just before, that Redis lacked nothing."""
    now, slept = [1_000.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def tell(left: dict[str, int]) -> None:
        now[0] += took
        if error:
            raise error
        copy(left)

    copy, clock = session_cache.revoke, SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(revocation, "time", clock)
    set_limits(session_lease=8)
    revocation.lease.reset()
    assert revocation.redis_has_all()
    trusted_until = revocation.lease.until
    with patch.object(session_cache, "revoke", tell):
        assert session.post(LOGOUT).status_code == 204
    assert slept == waited
    revocation.lease.until = trusted_until
    assert _is_out(session)


def test_without_redis_sessions_are_read_from_mysql(session: APIClient, redis_away: Away) -> None:
    with redis_away():
        assert session.get(ME).status_code == 200
        assert _queries(session) == 1
    assert session.get(ME).status_code == 200


def test_a_session_that_redis_does_not_take_counts_all_the_same(alice: User) -> None:
    session = bearer(issue_tokens(alice)["access"])
    with patch.object(session_cache, "finish", side_effect=newsfeed_redis.RedisUnavailable):
        assert session.get(ME).status_code == 200


def test_redis_hears_later_of_what_it_missed(
    alice: User, redis: Redis, redis_away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = issue_tokens(alice)["access"]
    session = bearer(access)
    with redis_away():
        session.post(LOGOUT)
    assert RevokedToken.objects.get().copied_at is None
    monkeypatch.setattr(newsfeed_redis.breaker, "open_seconds", 0)
    assert _is_out(session)
    assert RevokedToken.objects.get().copied_at is not None
    assert redis.exists(_key(access).replace("session", "auth:blacklist"))


def test_while_redis_lacks_a_revocation_mysql_is_asked(
    session: APIClient, alice: User, set_limits: SetLimits
) -> None:
    other = bearer(issue_tokens(alice)["access"])
    with patch.object(session_cache, "ask", side_effect=newsfeed_redis.RedisUnavailable):
        other.post(LOGOUT)
        assert session.get(ME).status_code == 200
    with patch.object(session_cache, "revoke", side_effect=newsfeed_redis.RedisUnavailable):
        assert _queries(session) == 2  # what Redis lacks, and the session
    set_limits(session_lease=60)
    assert session.get(ME).status_code == 200
    assert _queries(session) == 0


@pytest.mark.parametrize("flush", [False, True])
def test_a_session_that_ends_while_it_is_read_is_not_kept(
    alice: User, redis: Redis, *, flush: bool
) -> None:
    session = bearer(issue_tokens(alice)["access"])

    def end() -> None:
        end_all_sessions(alice.pk)
        connection.close()

    def find_and_be_overtaken(**which: object) -> User | None:
        user = selectors.find_session_user(**which)  # type: ignore[arg-type]
        other = threading.Thread(target=end)
        other.start()
        other.join()
        if flush:
            redis.flushdb()
        return user

    with patch.object(sessions, "find_session_user", find_and_be_overtaken):
        assert session.get(ME).status_code == 200  # it was good when this began
    assert not redis.keys("session:*")
    assert _is_out(session)


def test_a_new_name_is_shown_at_once(session: APIClient) -> None:
    assert session.patch(ME, {"display_name": "New"}).status_code == 200
    post = session.post("/api/v1/posts/", {"content": "x"}).json()
    assert post["author"]["display_name"] == "New"


def test_a_right_that_is_taken_is_gone_with_the_next_request(alice: User) -> None:
    alice.is_staff = True
    alice.save()
    session = bearer(issue_tokens(alice)["access"])
    path = f"/api/v1/feeds/{alice.pk}/why/1/"
    assert session.get(path).status_code == 404
    User.objects.filter(pk=alice.pk).update(is_staff=False)
    assert session.get(path).status_code == 403


def test_who_is_reinstated_has_to_log_in_again(
    client: APIClient, session: APIClient, alice: User, password: str
) -> None:
    _suspend(alice)
    alice.is_active = True
    alice.save()
    assert _is_out(session)
    form = {"username": "alice", "password": password}
    access = client.post("/api/v1/auth/login/", form).json()["access"]
    assert bearer(access).get(ME).status_code == 200
