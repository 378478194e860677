"""Fields that no serializer knows."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed.api.serializers import NAMED, InputSerializer

ROOT = Path(__file__).parents[2]
POSTS = "/api/v1/posts/"
READS_A_BODY = r"(\w+)(?:\.validated\(|\(data=)request\.data"


def _fields(problem: dict[str, list[dict[str, str]]]) -> list[str]:
    return [error["field"] for error in problem["errors"]]


def test_an_unknown_field_is_named_beside_the_others(as_alice: APIClient) -> None:
    response = as_alice.post(POSTS, {"contant": "x", "content": ""})
    assert response.status_code == 400
    assert response.json()["type"] == "/problems/validation"
    assert _fields(response.json()) == ["content", "contant"]
    assert as_alice.post(POSTS, {"content": "x"}).status_code == 201


@pytest.mark.parametrize("path", ["signup", "login", "refresh"])
def test_so_it_is_for_who_has_no_token(client: APIClient, db: None, path: str) -> None:
    response = client.post(f"/api/v1/auth/{path}/", {"nonsense": 1})
    assert response.status_code == 400
    assert "nonsense" in _fields(response.json())


def test_of_very_many_some_are_named(as_alice: APIClient, alice: User) -> None:
    form = {f"field_{n}": n for n in range(5_000)}
    response = as_alice.post(POSTS, form | {"content": "x"})
    assert response.status_code == 400
    assert len(_fields(response.json())) == NAMED


def test_every_serializer_that_reads_a_body_refuses_them() -> None:
    found = 0
    for views in ROOT.glob("*/views.py"):
        module = import_module(f"{views.parent.name}.views")
        for name in re.findall(READS_A_BODY, views.read_text()):
            found += 1
            assert issubclass(getattr(module, name), InputSerializer), name
    assert found >= 6
