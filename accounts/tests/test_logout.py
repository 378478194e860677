import jwt
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import RevokedToken, User
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens
from conftest import Redis
from tests.redis_server import Away

PATH = "/api/v1/auth/logout/"
REFRESH = "/api/v1/auth/refresh/"
pytestmark = pytest.mark.django_db(transaction=True)


def _jti(access: str) -> str:
    return str(jwt.decode(access, options={"verify_signature": False})["jti"])


def test_logging_out_ends_the_access_and_the_refresh_token(client: APIClient, alice: User) -> None:
    tokens, others = issue_tokens(alice), issue_tokens(alice)
    session = bearer(tokens["access"])
    assert session.get(ME).status_code == 200
    assert session.post(PATH).status_code == 204
    response = session.get(ME)
    assert response.status_code == 401
    assert response.headers["X-Relogin-Required"] == "true"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert client.post(REFRESH, {"refresh": tokens["refresh"]}).status_code == 401

    assert bearer(others["access"]).get(ME).status_code == 200
    assert client.post(REFRESH, {"refresh": others["refresh"]}).status_code == 200


def test_a_refresh_token_of_another_session_is_ended_too(client: APIClient, alice: User) -> None:
    tokens, others = issue_tokens(alice), issue_tokens(alice)
    form = {"refresh": others["refresh"]}
    assert bearer(tokens["access"]).post(PATH, form).status_code == 204
    for one in (tokens, others):
        assert bearer(one["access"]).get(ME).status_code == 401
        assert client.post(REFRESH, {"refresh": one["refresh"]}).status_code == 401


def test_another_user_s_refresh_token_is_not(client: APIClient, alice: User, bob: User) -> None:
    bobs = issue_tokens(bob)
    alices = bearer(issue_tokens(alice)["access"])
    assert alices.post(PATH, {"refresh": bobs["refresh"]}).status_code == 204
    assert bearer(bobs["access"]).get(ME).status_code == 200
    assert client.post(REFRESH, {"refresh": bobs["refresh"]}).status_code == 200


def test_earlier_access_tokens_of_the_session_end_too(client: APIClient, alice: User) -> None:
    first = issue_tokens(alice)
    second = client.post(REFRESH, {"refresh": first["refresh"]}).json()
    assert bearer(first["access"]).get(ME).status_code == 200
    assert bearer(second["access"]).post(PATH).status_code == 204
    assert bearer(first["access"]).get(ME).status_code == 401


def test_redis_holds_a_copy_for_the_rest_of_the_token(alice: User, redis: Redis) -> None:
    access = issue_tokens(alice)["access"]
    session, jti = bearer(access), _jti(access)
    assert session.get(ME).status_code == 200
    assert 1790 < redis.ttl(f"session:{jti}") <= 1800
    assert session.post(PATH).status_code == 204
    assert not redis.exists(f"session:{jti}")
    assert 1800 < redis.ttl(f"auth:blacklist:{jti}") <= 1831  # and the leeway for clocks


def test_a_flushed_redis_changes_nothing(alice: User, redis: Redis) -> None:
    session = bearer(issue_tokens(alice)["access"])
    assert session.get(ME).status_code == 200
    session.post(PATH)
    for _ in range(3):
        redis.flushdb()
        assert session.get(ME).status_code == 401


def test_an_absent_redis_changes_nothing(alice: User, redis_away: Away) -> None:
    session, other = (bearer(issue_tokens(alice)["access"]) for _ in range(2))
    with redis_away():
        assert session.get(ME).status_code == 200
        assert session.post(PATH).status_code == 204
        assert session.get(ME).status_code == 401
        assert other.get(ME).status_code == 200


def test_logging_out_twice_is_unauthorized(alice: User) -> None:
    session = bearer(issue_tokens(alice)["access"])
    assert session.post(PATH).status_code == 204
    assert session.post(PATH).status_code == 401
    assert RevokedToken.objects.filter(expires_at__gt=timezone.now()).count() == 1


@pytest.mark.parametrize("refresh", ["", 1, None])
def test_a_refresh_token_that_is_none_is_refused(as_alice: APIClient, refresh: object) -> None:
    response = as_alice.post(PATH, {"refresh": refresh})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "refresh"
    assert as_alice.get(ME).status_code == 200


def test_nobody_cannot_log_out(client: APIClient) -> None:
    assert client.post(PATH).status_code == 401
