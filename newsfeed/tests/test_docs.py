import re

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from dev.control import ROOT

SCHEMA, DOCS = "/api/schema/", "/api/docs/"


def test_the_schema_is_the_file_of_the_repository(client: APIClient) -> None:
    response = client.get(SCHEMA)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/yaml"
    assert response.content == (ROOT / "openapi.yaml").read_bytes()


def test_whoever_has_the_schema_is_not_sent_it_again(client: APIClient) -> None:
    etag = client.get(SCHEMA).headers["ETag"]
    again = client.get(SCHEMA, headers={"if-none-match": etag})
    assert again.status_code == 304
    assert again.content == b""


def test_the_page_takes_everything_from_this_server(
    db: None, client: APIClient, settings: Settings
) -> None:
    settings.WHITENOISE_USE_FINDERS = True
    response = client.get(DOCS)
    assert response.status_code == 200
    html = response.content.decode()
    links = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(links) == 5
    for link in links:
        assert link.startswith("/")
        part = client.get(link)
        assert part.status_code == 200
        part.close()
    assert "<script>" not in html  # which the Content-Security-Policy would stop
    script = client.get(next(link for link in links if "script" in link))
    assert script.headers["Content-Type"] == "application/javascript"
    assert b'"/api/schema/"' in script.content.replace(b"\\u002D", b"-")


@pytest.mark.parametrize("path", [SCHEMA, DOCS])
def test_documents_are_only_read(client: APIClient, path: str) -> None:
    response = client.post(path)
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_stale_token_does_no_harm_to_the_page(client: APIClient) -> None:
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")
    assert client.get(DOCS).status_code == 200


def test_the_page_is_html_whatever_one_accepts(client: APIClient) -> None:
    response = client.get(DOCS, headers={"accept": "application/json"})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
