import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts import export, openapi
from accounts.export import PAGE
from accounts.known_clients import remember
from accounts.models import RefreshToken, User
from accounts.services import suspend_user
from accounts.tokens import issue_tokens
from feeds.tests.conftest import crowd, edges, write_posts
from moderation.models import Report
from posts.models import Post

PATH = "/api/v1/users/me/export/"


@pytest.fixture(autouse=True)
def _many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some, a test reads the beginning only."""
    monkeypatch.setattr(export, "_at_once", BoundedSemaphore(9))


def _export(client: APIClient) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(b"".join(_stream(client)))
    return document


def _stream(client: APIClient) -> Iterator[bytes]:
    response: Any = client.get(PATH)
    assert response.status_code == 200
    return iter(response.streaming_content)


def _is_time(text: str) -> bool:
    return datetime.fromisoformat(text) <= timezone.now() + timedelta(days=40)


def test_it_holds_what_is_kept_of_the_user(
    as_alice: APIClient, alice: User, bob: User, carol: User
) -> None:
    User.objects.filter(pk=alice.pk).update(email="alice@example.org")
    third, second, first = write_posts(alice, 3)
    Post.objects.filter(pk=first).update(hidden_at=timezone.now(), content='안녕 "🎉"\n')
    Post.objects.filter(pk=third).update(deleted_at=timezone.now())
    (reported,) = write_posts(bob, 1)
    for one in (alice, carol):
        Report.objects.create(reporter=one, post_id=reported, reason=f"of {one.username}")
    edges(bob, [alice])
    edges(alice, [bob, carol])
    edges(carol, [bob])
    document = _export(as_alice)

    assert list(document) == list(openapi._EXPORT().fields)
    profile = document["profile"]
    assert _is_time(profile.pop("created_at"))
    assert profile == {
        "id": alice.pk,
        "username": "alice",
        "display_name": "Alice",
        "email": "alice@example.org",
    }
    assert [post["id"] for post in document["posts"]] == [first, second]
    assert document["posts"][0]["content"] == '안녕 "🎉"\n'
    assert _is_time(document["posts"][0]["hidden_at"])
    assert document["posts"][1]["hidden_at"] is None
    names = {
        key: [(edge["id"], edge["username"]) for edge in document[key]]
        for key in ("following", "followers")
    }
    assert names == {
        "following": [(bob.pk, "bob")],
        "followers": [(bob.pk, "bob"), (carol.pk, "carol")],
    }
    assert [(r["post_id"], r["reason"]) for r in document["reports"]] == [(reported, "of alice")]
    (session,) = document["sessions"]
    assert session.keys() == {"created_at", "expires_at"}
    assert session["created_at"] < session["expires_at"]


def test_it_holds_nothing_that_lets_anybody_in_and_nothing_of_others(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User
) -> None:
    write_posts(bob, 1)
    edges(bob, [alice])
    User.objects.filter(pk=bob.pk).update(email="bob@example.org")
    tokens = issue_tokens(alice)
    text = json.dumps(_export(as_alice))
    row = RefreshToken.objects.filter(user=alice).latest("pk")
    secrets = [User.objects.get(pk=alice.pk).password, row.token_hash, row.family, row.access_jti]
    for secret in (*secrets, *tokens.values(), "bob@example.org", "post 0"):
        assert secret not in text
    assert "post 0" in json.dumps(_export(as_bob))
    assert "bob@example.org" in json.dumps(_export(as_bob))


def test_known_addresses_are_told_by_their_times(
    as_alice: APIClient, alice: User, bob: User
) -> None:
    for user in (alice, bob):
        remember(user, "192.0.2.1")
    (address,) = _export(as_alice)["known_addresses"]
    assert address.keys() == {"last_login_at", "expires_at"}
    assert address["last_login_at"] < address["expires_at"]


def test_sessions_that_have_ended_are_left_out(as_alice: APIClient, alice: User) -> None:
    issue_tokens(alice)
    assert len(_export(as_alice)["sessions"]) == 2
    newest = RefreshToken.objects.filter(user=alice).latest("pk")
    for change in ("used_at", "revoked_at", "expires_at"):
        RefreshToken.objects.filter(pk=newest.pk).update(**{change: timezone.now()})
        assert len(_export(as_alice)["sessions"]) == 1
        RefreshToken.objects.filter(pk=newest.pk).update(
            used_at=None, revoked_at=None, expires_at=newest.expires_at
        )
    assert len(_export(as_alice)["sessions"]) == 2


def test_of_who_is_suspended_the_id_remains(as_alice: APIClient, alice: User, bob: User) -> None:
    edges(bob, [alice])
    assert _export(as_alice)["following"][0]["username"] == "bob"
    suspend_user(bob.pk)
    (edge,) = _export(as_alice)["following"]
    assert (edge["id"], edge["username"]) == (bob.pk, None)


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 6, 7])
def test_pages_lose_and_double_nothing(
    monkeypatch: pytest.MonkeyPatch, as_alice: APIClient, alice: User, rows: int
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    ids = write_posts(alice, rows)
    people = crowd(rows)
    edges(alice, people)
    for one in people:
        edges(one, [alice])
    document = _export(as_alice)
    assert [post["id"] for post in document["posts"]] == ids[::-1]
    for key in ("following", "followers"):
        assert [edge["id"] for edge in document[key]] == [one.pk for one in people]


def test_each_page_is_sent_before_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch,
    as_alice: APIClient,
    alice: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    write_posts(alice, 7)
    edges(alice, crowd(4))
    with django_assert_num_queries(3):  # the token's user, the lock, the profile
        stream = _stream(as_alice)
    counts, sizes = [], []
    with CaptureQueriesContext(connection) as queries:
        for piece in stream:
            counts.append(len(queries))
            sizes.append(len(piece))
    # Posts in three pages, nobody followed, followers in two with their names, reports, sessions,
    # known addresses.
    assert counts[-1] == 3 + 1 + 2 * 2 + 1 + 1 + 1
    assert max(later - earlier for earlier, later in pairwise(counts)) <= 2
    assert max(sizes) < 1_000


def test_no_page_holds_more_than_some_megabytes() -> None:
    assert PAGE * Post.MAX_LENGTH * 4 <= 4_000_000


def test_what_an_error_cuts_off_is_no_document(
    monkeypatch: pytest.MonkeyPatch, as_alice: APIClient, alice: User
) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    write_posts(alice, 5)
    whole = b"".join(_stream(as_alice))
    assert json.loads(whole)
    pieces: list[bytes] = []
    stream = _stream(as_alice)
    pieces.extend(next(stream) for _ in range(3))
    with connection.execute_wrapper(_fail), pytest.raises(RuntimeError, match="server is gone"):
        pieces.extend(stream)
    cut = b"".join(pieces)
    assert whole.startswith(cut)
    assert len(cut) > 100
    for end in range(1, len(whole)):
        with pytest.raises(json.JSONDecodeError):
            json.loads(whole[:end])


def _fail(*_: object) -> None:
    raise RuntimeError("The server is gone.")


def test_an_error_before_the_first_byte_is_an_answer(as_alice: APIClient) -> None:
    def away(execute: Any, sql: str, *args: Any) -> Any:
        if "`email`" in sql:
            raise OperationalError(2006, "gone")
        return execute(sql, *args)

    with connection.execute_wrapper(away):
        response = as_alice.get(PATH)
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"


def test_it_is_a_file_that_nobody_caches(as_alice: APIClient) -> None:
    with closing(as_alice.get(PATH)) as response:
        headers = response.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Disposition"] == 'attachment; filename="newsfeed-alice.json"'
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_a_user_has_one_export_at_a_time(as_alice: APIClient, as_bob: APIClient) -> None:
    with ThreadPoolExecutor(1) as other_process:
        first: Any = other_process.submit(as_alice.get, PATH).result()
        assert first.status_code == 200
        refused = as_alice.get(PATH)
        assert (refused.status_code, refused.headers["Retry-After"]) == (409, "10")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert _export(as_bob)["profile"]["username"] == "bob"
        other_process.submit(first.close).result()
        assert _export(as_alice)["profile"]["username"] == "alice"
        second: Any = other_process.submit(as_alice.get, PATH).result()
        assert as_alice.get(PATH).status_code == 409
        # As when the process dies.
        other_process.submit(connections.close_all).result()
        assert _export(as_alice)["profile"]["username"] == "alice"
        other_process.submit(second.close).result()
        other_process.submit(connections.close_all).result()


@pytest.mark.django_db(transaction=True)
def test_all_users_together_have_a_quarter_of_the_threads(
    as_alice: APIClient, as_bob: APIClient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.WEB_THREADS // 4 == export.AT_ONCE == 1
    monkeypatch.setattr(export, "_at_once", BoundedSemaphore(export.AT_ONCE))
    first: Any = as_alice.get(PATH)
    refused = as_bob.get(PATH)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    first.close()
    assert _export(as_bob)["profile"]["username"] == "bob"


def test_nobody_has_no_export(client: APIClient) -> None:
    assert client.get(PATH).status_code == 401
