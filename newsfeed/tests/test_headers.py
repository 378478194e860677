"""What browsers are told beside the answer, whatever the answer is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import path
from drf_spectacular.views import SpectacularSwaggerSplitView
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from newsfeed.urls import urlpatterns as own

ROOT = Path(__file__).parents[2]
ME = "/api/v1/users/me/"
HARDENED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Ask = Callable[[Client], object]
KINDS: dict[str, tuple[int, Ask]] = {
    "answer": (200, lambda browser: browser.get("/ping")),
    "anonymous": (401, lambda browser: browser.get(ME)),
    "nowhere": (404, lambda browser: browser.get("/nothing")),
    "wrong method": (405, lambda browser: browser.post("/ping")),
    "foreign host": (400, lambda browser: browser.get(ME, headers={"host": "evil.example"})),
    "without a form's cookie": (403, lambda browser: browser.post("/admin/login/")),
    "log-in of the admin": (200, lambda browser: browser.get("/admin/login/")),
    "static file": (200, lambda browser: browser.get("/static/admin/css/base.css")),
}


@pytest.fixture
def tls(settings: Settings) -> None:
    """As HTTPS=true sets it; `test_settings_of_production_pass_djangos_own_checks` reads that."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_SSL_REDIRECT = settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_HSTS_SECONDS = 31_536_000


def _assert_hardened(response: object) -> None:
    headers = response.headers  # type: ignore[attr-defined]
    assert {name: headers.get(name) for name in HARDENED} == HARDENED
    policy = headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'"):
        assert part in policy
    assert "unsafe-eval" not in policy
    assert "script-src" not in policy  # so that default-src holds, without inline scripts
    assert "camera=()" in headers["Permissions-Policy"]
    assert len(headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_is_hardened(db: None, settings: Settings, kind: str) -> None:
    settings.WHITENOISE_USE_FINDERS = True
    status, ask = KINDS[kind]
    response = ask(Client(enforce_csrf_checks=True))
    assert response.status_code == status  # type: ignore[attr-defined]
    _assert_hardened(response)
    response.close()  # type: ignore[attr-defined]


def test_so_is_the_admin(admin_client: Client) -> None:
    response = admin_client.get("/admin/")
    assert response.status_code == 200
    _assert_hardened(response)


def test_so_is_a_bug(as_alice: APIClient) -> None:
    as_alice.raise_request_exception = False
    with patch("accounts.sessions.find_session_user", side_effect=KeyError):
        response = as_alice.get(ME)
    assert response.status_code == 500
    _assert_hardened(response)


@pytest.mark.usefixtures("tls")
def test_behind_tls_links_are_https_and_browsers_stay_there(as_alice: APIClient) -> None:
    https = {"x-forwarded-proto": "https", "host": "testserver"}
    for _ in range(2):
        created = as_alice.post("/api/v1/posts/", {"content": "x"}, headers=https)
        assert created.headers["Location"].startswith("https://testserver/")
    strict = "max-age=31536000; includeSubDomains"
    assert created.headers["Strict-Transport-Security"] == strict
    me = as_alice.get(ME, headers=https).json()["id"]
    page = as_alice.get(f"/api/v1/users/{me}/posts/", {"limit": 1}, headers=https).json()
    assert page["next"].startswith("https://testserver/")


@pytest.mark.usefixtures("tls")
def test_behind_tls_http_is_sent_to_https_and_probes_are_not(client: APIClient) -> None:
    response = client.get(ME)
    assert response.status_code == 301
    assert response.headers["Location"] == f"https://testserver{ME}"
    for probe in ("/livez", "/ping"):
        assert client.get(probe).status_code == 200


def test_without_tls_a_client_cannot_pretend_it(client: APIClient) -> None:
    response = client.get("/ping", headers={"x-forwarded-proto": "https"})
    assert "Strict-Transport-Security" not in response.headers


PRODUCTION = {
    "SECRET_KEY": "5f0c2b8e9d1a7364" * 4,
    "HTTPS": "true",
    "ALLOWED_HOSTS": "feed.example.com",
    "KAFKA_MIN_INSYNC_REPLICAS": "2",
    "KAFKA_REPLICATION_FACTOR": "3",
}


def _check(**variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_settings_of_production_pass_djangos_own_checks() -> None:
    passed = _check(**PRODUCTION)
    assert passed.returncode == 0, passed.stderr
    refused = _check(**PRODUCTION | {"HTTPS": "false"})
    assert refused.returncode == 1
    for code in ("W004", "W008", "W012", "W016"):
        assert f"security.{code}" in refused.stderr


urlpatterns = [*own, path("docs/", SpectacularSwaggerSplitView.as_view(url="/static/x.yaml"))]


@pytest.mark.urls(__name__)
def test_swagger_ui_needs_no_inline_script(client: APIClient) -> None:
    page = client.get("/docs/", headers={"accept": "text/html"})
    assert page.status_code == 200
    _assert_hardened(page)
    assert b"<script>" not in page.content
