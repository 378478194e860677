import pytest
from rest_framework.test import APIClient

from accounts.models import User

PATH = "/api/v1/users/"
FULL_WIDTH = "\uff42\uff4f\uff42"


def test_a_user_is_found_by_name(as_alice: APIClient, bob: User) -> None:
    response = as_alice.get(PATH, {"username": "bob"})
    assert response.status_code == 200
    found = {"id": bob.pk, "username": "bob", "display_name": "Bob"}
    assert response.json() == {"results": [found], "next": None}


@pytest.mark.parametrize("username", ["Bob", "@bob", " @BOB ", FULL_WIDTH])
def test_a_name_is_found_as_people_write_it(as_alice: APIClient, bob: User, username: str) -> None:
    found = as_alice.get(PATH, {"username": username}).json()["results"]
    assert [one["id"] for one in found] == [bob.pk]


@pytest.mark.parametrize("username", ["bo", "bobb", "bób", "b%", "b@ob", "@", "😀"])
def test_a_name_that_is_only_alike_finds_nobody(
    as_alice: APIClient, bob: User, username: str
) -> None:
    assert as_alice.get(PATH, {"username": username}).json() == {"results": [], "next": None}


@pytest.mark.parametrize("query", ["", "?username=", "?username=%00", "?username=%E2%80%8B"])
def test_a_missing_name_is_refused(as_alice: APIClient, query: str) -> None:
    response = as_alice.get(f"{PATH}{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "username"


def test_nobody_looks_up_nobody(client: APIClient, alice: User) -> None:
    assert client.get(PATH, {"username": "alice"}).status_code == 401
