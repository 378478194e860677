"""Scripts of other origins."""

import re
from pathlib import Path

import pytest
import yaml
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

ROOT = Path(__file__).parents[2]
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


def _documented_headers() -> set[str]:
    """Of all answers, and those that the description as a whole names."""
    schema = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    answers = list(schema["components"]["responses"].values())
    for methods in schema["paths"].values():
        for operation in methods.values():
            answers += operation["responses"].values()
    named = re.findall(r"`((?:X|RateLimit)-[A-Za-z-]+)", schema["info"]["description"])
    return {*named, *(name for answer in answers for name in answer.get("headers", {}))}


def test_every_header_that_the_documents_name_can_be_read(
    as_alice: APIClient, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    response = as_alice.get(ME, headers={"origin": APP})
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    documented = _documented_headers()
    assert {"X-Relogin-Required", "X-Token-Refresh-Needed", "Location"} <= documented
    # What any origin may read without being told (Fetch, 2.2.2).
    assert documented - set(exposed) <= {"Cache-Control", "Content-Type", "Content-Length"}
    assert {"Content-Disposition", "ETag", "Retry-After"} <= set(exposed)


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
