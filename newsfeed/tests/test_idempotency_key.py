from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from newsfeed.api import answers
from newsfeed.api.answers import store_answer
from newsfeed.api.models import IdempotencyKey
from posts.models import Post

PATH = "/api/v1/posts/"
INSERT = """
    INSERT INTO posts_idempotency_keys (user_id, `key`, fingerprint, answer, created_at)
    VALUES (%s, %s, '', '', UTC_TIMESTAMP(6))
"""
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


def _post(client: APIClient, content: str = "once", key: str = KEY) -> Any:
    return client.post(PATH, {"content": content}, headers={"Idempotency-Key": key})


def _post_in_thread(client: APIClient, key: str = KEY) -> Any:
    try:
        return _post(client, key=key)
    finally:
        connection.close()


def _is_replay(response: HttpResponse) -> bool:
    assert response.status_code == 201, response.content
    return response.headers.get("Idempotency-Replayed") == "true"


def _age(**age: float) -> None:
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(**age))


def test_the_same_post_again_gets_the_first_answer(as_alice: APIClient) -> None:
    first, second = _post(as_alice, "안녕 🙂"), _post(as_alice, "안녕 🙂")
    assert not _is_replay(first)
    assert _is_replay(second)
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert Post.objects.get().pk == first.json()["id"]


def test_a_post_with_a_key_is_answered_like_one_without(as_alice: APIClient) -> None:
    plain, keyed = as_alice.post(PATH, {"content": "once"}), _post(as_alice)
    assert keyed.status_code == plain.status_code
    own = {"id": plain.json()["id"], "created_at": plain.json()["created_at"]}
    assert keyed.json() | own == plain.json()
    assert keyed.headers["Location"].endswith(f"{PATH}{keyed.json()['id']}/")
    assert as_alice.get(keyed.headers["Location"]).json() == keyed.json()


def test_posts_without_a_key_are_two(as_alice: APIClient) -> None:
    for _ in range(2):
        assert not _is_replay(as_alice.post(PATH, {"content": "twice"}))
    assert Post.objects.count() == 2
    assert not IdempotencyKey.objects.exists()


def test_the_first_answer_comes_again_whatever_became_of_the_post(as_alice: APIClient) -> None:
    first = _post(as_alice)
    path = first.headers["Location"]
    for change in (
        lambda: as_alice.patch(path, {"content": "edited"}),
        lambda: as_alice.delete(path),
        Post.objects.all().delete,
    ):
        change()
        again = _post(as_alice)
        assert _is_replay(again)
        assert again.content == first.content
    assert not Post.objects.exists()


def test_a_key_that_came_with_another_body_is_refused(as_alice: APIClient) -> None:
    first = _post(as_alice)
    response = _post(as_alice, "something else")
    assert response.status_code == response.json()["status"] == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "Idempotency-Key" in response.json()["detail"]
    assert Post.objects.get().content == "once"
    assert _post(as_alice).content == first.content


def test_a_key_belongs_to_one_path(as_alice: APIClient, as_bob: APIClient) -> None:
    """Two requests of the same body: another path is another request."""
    one, two = (as_bob.post(PATH, {"content": "bad"}).json()["id"] for _ in "12")

    def report(post_id: int) -> Any:
        path = f"{PATH}{post_id}/report/"
        return as_alice.post(path, {"reason": "bad"}, headers={"Idempotency-Key": KEY})

    assert not _is_replay(report(one))
    assert report(two).status_code == 422
    assert _is_replay(report(one))


def test_an_answer_that_an_older_version_stored_comes_again(as_alice: APIClient) -> None:
    first = _post(as_alice)
    IdempotencyKey.objects.update(path="")
    again = _post(as_alice)
    assert _is_replay(again)
    assert again.headers["Location"] == first.headers["Location"]


def test_a_body_that_is_nested_too_deeply_for_a_fingerprint_is_refused(as_alice: APIClient) -> None:
    body = b'{"content":' + b"[" * 300 + b"]" * 300 + b"}"
    response = as_alice.generic(
        "POST",
        PATH,
        body,  # type: ignore[arg-type]
        "application/json",
        headers={"Idempotency-Key": KEY},
    )
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


def test_the_same_body_may_be_written_otherwise(as_alice: APIClient) -> None:
    bodies = (b'{"content":"once"}', b' { "content" : "\\u006fnce" } ')
    first, second = (
        as_alice.generic(
            "POST",
            PATH,
            body,  # type: ignore[arg-type]
            "application/json",
            headers={"Idempotency-Key": KEY},
        )
        for body in bodies
    )
    assert not _is_replay(first)
    assert _is_replay(second)


def test_everybody_has_keys_of_their_own(as_alice: APIClient, as_bob: APIClient) -> None:
    assert not _is_replay(_post(as_alice))
    assert not _is_replay(_post(as_bob, "mine"))
    assert _is_replay(_post(as_alice))
    assert Post.objects.count() == 2


def test_keys_that_differ_in_case_differ(as_alice: APIClient) -> None:
    assert not _is_replay(_post(as_alice, key="abc"))
    assert not _is_replay(_post(as_alice, key="ABC"))
    assert _is_replay(_post(as_alice, key="abc"))


@pytest.mark.parametrize("key", ["!", "~" * 255, f'"{KEY}"', "a,b"])
def test_visible_ascii_is_a_key(as_alice: APIClient, key: str) -> None:
    assert not _is_replay(_post(as_alice, key=key))
    assert _is_replay(_post(as_alice, key=key))


@pytest.mark.parametrize("key", ["", " ", "a b", "~" * 256, "é", "키", "a\x7f", "a\tb", "a\n"])
def test_anything_else_is_refused(as_alice: APIClient, key: str) -> None:
    response = _post(as_alice, key=key)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]
    assert not Post.objects.exists()


def test_bad_input_does_not_use_up_its_key(as_alice: APIClient) -> None:
    assert _post(as_alice, " ").status_code == 400
    assert not _is_replay(_post(as_alice))
    assert _is_replay(_post(as_alice))


@pytest.mark.django_db(transaction=True)
def test_a_post_that_is_rolled_back_leaves_no_key(
    as_alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_and_fail(*args: Any) -> None:
        store_answer(*args)
        assert IdempotencyKey.objects.exists()
        raise OperationalError(2013, "lost connection")

    with monkeypatch.context() as patch:
        patch.setattr(answers, "store_answer", store_and_fail)
        assert _post(as_alice).status_code == 503
    assert not IdempotencyKey.objects.exists()
    assert not Post.objects.exists()
    assert not _is_replay(_post(as_alice))
    assert IdempotencyKey.objects.count() == Post.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_those_that_come_at_once_one_posts_and_all_get_its_answer(
    as_alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However late the first commits, the others wait for it.
    options = connections.settings["default"]["OPTIONS"]
    patient = options["init_command"].replace("timeout = 2", "timeout = 60")
    monkeypatch.setitem(options, "init_command", patient)
    crowd = 4
    barrier = Barrier(crowd)

    def at_once(key: str) -> Any:
        barrier.wait(60)
        return _post_in_thread(as_alice, key)

    with ThreadPoolExecutor(crowd) as threads:
        for round_ in range(1, 11):
            responses = list(threads.map(at_once, [f"{round_}"] * crowd))
            assert sorted(map(_is_replay, responses)) == [False, True, True, True]
            assert len({response.content for response in responses}) == 1
            assert Post.objects.count() == round_


@contextmanager
def _standing_post(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator["Future[HttpResponse]"]:
    """A post whose transaction stays open, with its key in it, to the end of the block."""
    stands, goes_on = Event(), Event()

    def store_and_stand(*args: Any) -> None:
        store_answer(*args)
        stands.set()
        goes_on.wait(60)

    with ThreadPoolExecutor(1) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(answers, "store_answer", store_and_stand)
            answer = threads.submit(_post_in_thread, client)
            assert stands.wait(60)
        try:
            yield answer
        finally:
            goes_on.set()


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_running_the_second_is_told_to_wait(
    as_alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _standing_post(as_alice, monkeypatch) as first:
        response = _post(as_alice)
    assert response.status_code == response.json()["status"] == 409
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert not _is_replay(first.result())
    again = _post(as_alice)
    assert _is_replay(again)
    assert again.content == first.result().content
    assert Post.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_a_process_that_died_had_begun_is_done_anew(as_alice: APIClient, alice: User) -> None:
    with closing(connection.copy()) as other, other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute(INSERT, [alice.pk, KEY])
        assert _post(as_alice).status_code == 409
    assert not _is_replay(_post(as_alice))
    assert Post.objects.count() == 1


def test_after_24_hours_a_key_is_new(as_alice: APIClient) -> None:
    _post(as_alice)
    _age(hours=23.9)
    assert _is_replay(_post(as_alice))
    _age(hours=24)
    assert not _is_replay(_post(as_alice, "another body"))
    assert _is_replay(_post(as_alice, "another body"))
    assert Post.objects.count() == 2


def _fill(count: int, **age: float) -> None:
    """Keys of nobody who is still here."""
    created_at = timezone.now() - timedelta(**age)
    numbers = range(count)
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(user_id=10**6, key=f"{age}{n}", created_at=created_at) for n in numbers
    )


def test_with_each_key_that_comes_ten_expired_ones_go(as_alice: APIClient) -> None:
    _fill(15, hours=25)
    _fill(3, hours=23)
    for number, left in enumerate([5 + 3 + 1, 3 + 2, 3 + 3]):
        _post(as_alice, key=f"{number}")
        assert IdempotencyKey.objects.count() == left


@pytest.mark.django_db(transaction=True)
def test_a_post_does_not_wait_for_rows_that_another_one_removes(as_alice: APIClient) -> None:
    _fill(2, hours=25)
    oldest = IdempotencyKey.objects.earliest("pk")
    with closing(connection.copy()) as other, other.cursor() as cursor:
        other.set_autocommit(False)
        cursor.execute("DELETE FROM posts_idempotency_keys WHERE id = %s", [oldest.pk])
        assert _post(as_alice).status_code == 201
        assert list(IdempotencyKey.objects.exclude(key=KEY)) == [oldest]


@pytest.mark.django_db(transaction=True)
def test_keys_are_found_and_removed_along_an_index(
    as_alice: APIClient, alice: User, explain: Callable[[Callable[[], object]], str]
) -> None:
    _fill(2000, hours=23)
    _fill(20, hours=25)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE TABLE posts_idempotency_keys")
    plans = explain(lambda: _post(as_alice))
    assert "posts_idempotency_created" in plans
    assert "posts_idempotency_user_key" in plans
    assert "filesort" not in plans


def test_a_user_who_has_keys_can_be_removed(as_alice: APIClient, alice: User) -> None:
    _post(as_alice)
    alice.delete()
    assert not User.objects.exists()
