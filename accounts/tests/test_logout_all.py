import pytest
from rest_framework.test import APIClient

from accounts.models import RefreshToken, User
from accounts.services import end_all_sessions
from accounts.tests.conftest import ME, bearer
from accounts.tokens import issue_tokens
from conftest import Redis

PATH = "/api/v1/auth/logout-all/"
REFRESH = "/api/v1/auth/refresh/"
pytestmark = pytest.mark.django_db(transaction=True)


def test_every_token_of_the_user_ends_and_nobody_else_s(
    client: APIClient, alice: User, as_bob: APIClient
) -> None:
    tokens = [issue_tokens(alice) for _ in range(3)]
    sessions = [bearer(one["access"]) for one in tokens]
    assert [session.get(ME).status_code for session in sessions] == [200] * 3
    assert as_bob.get(ME).status_code == 200

    assert sessions[0].post(PATH).status_code == 204
    for answer in [session.get(ME) for session in sessions]:
        assert answer.status_code == 401
        assert answer.headers["X-Relogin-Required"] == "true"
    for one in tokens:
        assert client.post(REFRESH, {"refresh": one["refresh"]}).status_code == 401
    assert as_bob.get(ME).status_code == 200


def test_one_can_log_in_again(client: APIClient, as_alice: APIClient, password: str) -> None:
    assert as_alice.post(PATH).status_code == 204
    form = {"username": "alice", "password": password}
    access = client.post("/api/v1/auth/login/", form).json()["access"]
    assert bearer(access).get(ME).status_code == 200


def test_a_token_that_no_table_knows_ends_by_its_epoch(alice: User, redis: Redis) -> None:
    tokens = issue_tokens(alice)
    RefreshToken.objects.filter(user=alice).delete()
    assert bearer(tokens["access"]).get(ME).status_code == 200
    end_all_sessions(alice.pk)
    redis.flushdb()
    assert bearer(tokens["access"]).get(ME).status_code == 401


def test_the_sessions_of_many_end_together(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User
) -> None:
    sessions = (as_alice, as_bob)
    assert [session.get(ME).status_code for session in sessions] == [200, 200]
    end_all_sessions(alice.pk, bob.pk)
    assert [session.get(ME).status_code for session in sessions] == [401, 401]


def test_nobody_has_no_sessions(client: APIClient) -> None:
    assert client.post(PATH).status_code == 401
