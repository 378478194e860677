from collections.abc import Callable
from datetime import datetime

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import reinstate_user, suspend_user
from moderation.models import Report, ReportedPost
from moderation.services import report_post
from newsfeed.api.exceptions import SessionEnded
from posts.models import Post
from posts.services import delete_any_post, hide_post, unhide_post


def test_a_post_is_reported_once_by_each_user(
    as_bob: APIClient, as_user: Callable[[User], APIClient], carol: User, post: Post, path: str
) -> None:
    response = as_bob.post(path, {"reason": " It is spam 🙁 "})
    assert response.status_code == 201
    report = response.json()
    age = timezone.now() - datetime.fromisoformat(report.pop("created_at"))
    assert 0 <= age.total_seconds() < 60
    assert report == {"post_id": post.pk, "reason": "It is spam 🙁"}

    again = as_bob.post(path, {"reason": "Really"})
    assert (again.status_code, again.json()["title"]) == (409, "Conflict")
    assert as_user(carol).post(path, {"reason": "Me too"}).status_code == 201
    entry = ReportedPost.objects.get()
    assert (entry.pk, entry.open_reports) == (post.pk, 2)
    assert entry.latest_reasons == ["Me too", "It is spam 🙁"]


def test_the_queue_shows_the_newest_text_and_three_reasons(
    as_alice: APIClient, as_user: Callable[[User], APIClient], post: Post, path: str
) -> None:
    for n in range(4):
        assert as_alice.patch(f"/api/v1/posts/{post.pk}/", {"content": f"{n}"}).status_code == 200
        reporter = User.objects.create(username=f"reporter_{n}")
        assert as_user(reporter).post(path, {"reason": f"reason {n}"}).status_code == 201
    entry = ReportedPost.objects.get()
    assert (entry.content, entry.open_reports) == ("3", 4)
    assert entry.latest_reasons == ["reason 3", "reason 2", "reason 1"]


def test_who_was_suspended_after_the_request_was_let_in_reports_nothing(
    bob: User, post: Post
) -> None:
    suspend_user(bob.pk)
    with pytest.raises(SessionEnded):
        report_post(reporter_id=bob.pk, post_id=post.pk, reason="x")
    reinstate_user(bob.pk)
    assert report_post(reporter_id=bob.pk, post_id=post.pk, reason="x").post_id == post.pk


def test_nobody_reports_their_own_post(as_alice: APIClient, as_bob: APIClient, path: str) -> None:
    response = as_alice.post(path, {"reason": "x"})
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["post_id"]
    assert as_bob.post(path, {"reason": "x"}).status_code == 201


def test_what_nobody_sees_nobody_reports(as_bob: APIClient, post: Post, path: str) -> None:
    def status() -> int:
        return as_bob.post(path, {"reason": "x"}).status_code

    hide_post(post.pk)
    assert status() == 404
    unhide_post(post.pk)
    suspend_user(post.user_id)
    assert status() == 404
    User.objects.update(is_active=True)
    assert status() == 201
    Report.objects.all().delete()
    delete_any_post(post.pk)
    assert status() == 404


@pytest.mark.parametrize("post_id", [0, 999_999, 2**63, 10**30])
def test_an_unknown_post_is_not_found(as_bob: APIClient, post_id: int) -> None:
    answer = as_bob.post(f"/api/v1/posts/{post_id}/report/", {"reason": "x"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        *(
            {"reason": bad}
            for bad in ("", "  ", "\u3164", "\u202ea", "x" * 501, None, 1, ["x"], "a\0b")
        ),
    ],
)
def test_a_bad_reason_is_refused_by_name(
    as_bob: APIClient, path: str, body: dict[str, object]
) -> None:
    response = as_bob.post(path, body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == ["reason"]
    assert not Report.objects.exists()
    assert as_bob.post(path, {"reason": "x" * 500}).status_code == 201


def test_nobody_reports_nothing(client: APIClient, as_bob: APIClient, path: str) -> None:
    assert client.post(path, {"reason": "x"}).status_code == 401
    assert as_bob.get(path).status_code == 405
    assert as_bob.post(path, {"reason": "x"}).status_code == 201
