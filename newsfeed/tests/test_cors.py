"""Scripts of other origins."""

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

ME = "/api/v1/users/me/"
APP = "https://app.example.com"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "idempotency-key",
}


def test_by_default_no_other_origin_may_read_an_answer(as_alice: APIClient) -> None:
    response = as_alice.get(ME, headers={"origin": APP})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


def test_an_origin_that_is_named_may(as_alice: APIClient, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    response = as_alice.get(ME, headers={"origin": APP})
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert "RateLimit-Remaining" in response.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    other = as_alice.get(ME, headers={"origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_it_may_send_our_headers(as_alice: APIClient, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    response = as_alice.options("/api/v1/posts/", headers={"origin": APP} | PREFLIGHT)
    assert response.status_code == 200
    assert "idempotency-key" in response.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["/ping", "/admin/login/"])
def test_it_may_read_the_api_only(
    client: APIClient, db: None, settings: Settings, path: str
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    response = client.get(path, headers={"origin": APP})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers
