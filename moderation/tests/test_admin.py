"""What a moderator sees of the admin, and does there."""

import unicodedata
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import suspend_user
from moderation.models import ModerationAction, Report, ReportedPost
from moderation.services import report_post
from posts.models import Post
from posts.services import create_post, hide_post

QUEUE = "admin:moderation_reportedpost_changelist"
POSTS = "admin:posts_post_changelist"
USERS = "admin:accounts_user_changelist"


@pytest.fixture
def browser(moderator: User) -> Client:
    """A moderator's."""
    # Tests that empty the tables take the migration's group along.
    import_module("moderation.migrations.0002_moderators").create_group(apps, None)
    moderator.groups.add(Group.objects.get(name="Moderators"))
    browser = Client()
    browser.force_login(moderator)
    return browser


def _page(browser: Client, name: str, *args: int, **query: Any) -> str:
    page = browser.get(reverse(name, args=args), query)
    assert page.status_code == 200, page
    return page.content.decode()


def _act(
    browser: Client, changelist: str, verb: str, ids: Iterable[int], reason: str = "It is spam"
) -> str:
    """Chooses the action, confirms it with a reason, and returns what the next page says."""
    chosen = {"action": verb, "_selected_action": list(ids)}
    asked = browser.post(reverse(changelist), chosen | {"index": 0, "select_across": 0})
    assert "<textarea" in asked.content.decode(), asked
    return browser.post(
        reverse(changelist), chosen | {"reason": reason}, follow=True
    ).content.decode()


def test_a_moderator_sees_the_queue_and_no_more_of_the_admin_than_they_need(
    browser: Client,
) -> None:
    response = browser.get(reverse("admin:index"))
    seen = {model["object_name"] for app in response.context["app_list"] for model in app["models"]}
    assert seen == {"ReportedPost", "Report", "ModerationAction", "Post", "User"}
    for name in ("events_deadletter", "events_outboxevent", "follows_follow", "auth_group"):
        assert browser.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_the_rights_of_moderators_are_these(browser: Client) -> None:
    permissions = Group.objects.get(name="Moderators").permissions.order_by("codename")
    assert [permission.codename for permission in permissions] == [
        "moderate_posts",
        "moderate_users",
        "view_moderationaction",
        "view_post",
        "view_report",
        "view_reportedpost",
        "view_user",
    ]


def test_nothing_is_edited_added_or_deleted(browser: Client, post: Post, moderator: User) -> None:
    pages = {"posts_post": post.pk, "accounts_user": post.user_id}
    for name, id_ in pages.items():
        change = reverse(f"admin:{name}_change", args=[id_])
        assert browser.get(change).status_code == 200
        attempts = [
            change,
            reverse(f"admin:{name}_delete", args=[id_]),
            reverse(f"admin:{name}_add"),
        ]
        for path in attempts:
            assert browser.post(path, {"content": "x", "post": "yes"}).status_code == 403
    assert Post.objects.get().content == "hello"
    page = _page(browser, "admin:accounts_user_change", moderator.pk)
    assert "field-is_active" in page
    assert "field-password" not in page
    assert "field-is_superuser" not in page


def test_the_queue_is_sorted_by_open_reports(
    browser: Client, alice: User, bob: User, moderator: User
) -> None:
    posts = [create_post(user_id=alice.pk, content=f"spam <{n}>") for n in range(3)]
    reports = {posts[1]: [bob, moderator], posts[0]: [bob], posts[2]: [moderator]}
    for post, reporters in reports.items():
        for user in reporters:
            report_post(reporter_id=user.pk, post_id=post.pk, reason=f"<b>says {user}</b>")
    page = _page(browser, QUEUE)
    places = [page.find(f"spam &lt;{n}&gt;") for n in (1, 2, 0)]
    assert places == sorted(places)
    assert places[0] > 0
    assert "&lt;b&gt;says bob&lt;/b&gt;" in page
    assert "@alice" in page


@pytest.mark.parametrize("change", [{"content": "harmless"}, None], ids=["edited", "deleted"])
def test_the_text_that_was_reported_is_judged_whatever_its_author_does_to_it(
    browser: Client, as_alice: APIClient, bob: User, post: Post, change: dict[str, str] | None
) -> None:
    report_post(reporter_id=bob.pk, post_id=post.pk, reason="rude")
    path = f"/api/v1/posts/{post.pk}/"
    assert (as_alice.patch(path, change) if change else as_alice.delete(path)).status_code < 300
    for page in (_page(browser, QUEUE), _page(browser, "admin:posts_post_change", post.pk)):
        assert "hello" in page
    _act(browser, QUEUE, "dismiss_reports", [post.pk])
    assert "hello" not in _page(browser, "admin:posts_post_change", post.pk)


def test_posts_are_hidden_and_unhidden_in_bulk(browser: Client, alice: User, post: Post) -> None:
    ids = [post.pk, create_post(user_id=alice.pk, content="x").pk]
    assert "Hide post: 2 of 2 done." in _act(browser, POSTS, "hide_post", ids)
    assert Post.objects.filter(hidden_at=None).count() == 0
    page = _page(browser, "admin:posts_post_change", post.pk)
    assert "hide_post by carol: It is spam" in page
    assert "Unhide post: 2 of 2 done." in _act(browser, POSTS, "unhide_post", ids)
    assert Post.objects.filter(hidden_at=None).count() == 2
    assert "Unhide post" in _page(browser, "admin:moderation_moderationaction_changelist")


@pytest.mark.parametrize(
    ("verb", "left"),
    [("hide_post", "hidden_at"), ("delete_post", "deleted_at"), ("dismiss_reports", "")],
)
def test_what_is_done_in_the_queue_leaves_it(
    browser: Client, bob: User, post: Post, verb: str, left: str
) -> None:
    report_post(reporter_id=bob.pk, post_id=post.pk, reason="spam")
    assert "hello" in _page(browser, QUEUE)
    assert "1 of 1 done." in _act(browser, QUEUE, verb, [post.pk])
    assert "hello" not in _page(browser, QUEUE)
    post.refresh_from_db()
    assert [name for name in ("hidden_at", "deleted_at") if getattr(post, name)] == [left][
        : len(left)
    ]
    assert Report.objects.get().resolved_at is not None


@pytest.mark.parametrize("changelist", [QUEUE, POSTS, USERS])
def test_an_author_is_suspended_from_each_list_and_reinstated(
    browser: Client, alice: User, bob: User, post: Post, changelist: str
) -> None:
    report_post(reporter_id=bob.pk, post_id=post.pk, reason="spam")
    id_ = alice.pk if changelist == USERS else post.pk
    _act(browser, changelist, "suspend_user", [id_])
    alice.refresh_from_db()
    assert alice.suspended_at is not None
    assert not ReportedPost.objects.exists()
    page = _page(browser, "admin:accounts_user_change", alice.pk)
    assert "suspend_user by carol: It is spam" in page
    _act(browser, USERS, "reinstate_user", [alice.pk])
    assert User.objects.get(pk=alice.pk).is_active


def test_without_a_reason_nothing_is_done(browser: Client, post: Post) -> None:
    chosen = {"action": "hide_post", "_selected_action": [post.pk]}
    for reason in ("", "  ", "\u200b", "\u202ex", "x" * 501):
        page = browser.post(reverse(POSTS), chosen | {"reason": reason}).content.decode()
        assert "errorlist" in page
    assert not ModerationAction.objects.exists()
    longest = unicodedata.normalize("NFD", "각" * 500)
    assert "1 of 1 done." in _act(browser, POSTS, "hide_post", [post.pk], longest)


def test_what_is_so_already_is_told_and_the_rest_is_done(
    browser: Client, alice: User, post: Post
) -> None:
    hide_post(post.pk)
    other = create_post(user_id=alice.pk, content="x")
    page = _act(browser, POSTS, "hide_post", [post.pk, other.pk])
    assert f"Post {post.pk}: The post is hidden already." in page
    assert "Hide post: 1 of 2 done." in page


def test_all_pages_at_once_is_too_much(browser: Client, alice: User) -> None:
    Post.objects.bulk_create(Post(user=alice, content="x") for _ in range(101))
    form = {"action": "hide_post", "_selected_action": ["1"], "select_across": 1, "reason": "x"}
    page = browser.post(reverse(POSTS), form, follow=True).content.decode()
    assert "At most 100 at once." in page
    assert not ModerationAction.objects.exists()
    Post.objects.order_by("pk")[:1].get().delete()
    page = browser.post(reverse(POSTS), form, follow=True).content.decode()
    assert "100 of 100 done." in page


def test_who_may_only_look_has_no_actions(browser: Client, moderator: User, post: Post) -> None:
    assert "Hide post" in _page(browser, "admin:posts_post_change", post.pk)
    group = Group.objects.get(name="Moderators")
    group.permissions.remove(*group.permissions.filter(codename__startswith="moderate"))
    assert "Hide post" not in _page(browser, "admin:posts_post_change", post.pk)
    form = {"action": "hide_post", "_selected_action": [post.pk], "reason": "x"}
    browser.post(reverse(POSTS), form)
    post.refresh_from_db()
    assert post.hidden_at is None


def test_staff_is_not_suspended_by_a_moderator(
    browser: Client, moderator: User, admin_user: User
) -> None:
    page = _act(browser, USERS, "suspend_user", [moderator.pk, admin_user.pk])
    assert "Nobody moderates themselves." in page
    assert "Only a superuser moderates staff." in page
    assert User.objects.filter(is_active=False).count() == 0


def test_a_suspended_moderator_is_out_at_once(browser: Client, moderator: User) -> None:
    assert browser.get(reverse("admin:index")).status_code == 200
    suspend_user(moderator.pk)
    assert browser.get(reverse("admin:index")).status_code == 302


def test_posts_and_reports_are_searched_by_id_and_name(
    browser: Client, bob: User, post: Post
) -> None:
    report_post(reporter_id=bob.pk, post_id=post.pk, reason="rude")
    for query, is_found in ((post.pk, True), ("alice", True), ("bob", False), (post.pk + 1, False)):
        assert ("hello" in _page(browser, POSTS, q=query)) == is_found
    reports = "admin:moderation_report_changelist"
    for query, is_found in ((post.pk, True), ("@bob", True), ("alice", False)):
        assert ("rude" in _page(browser, reports, q=query)) == is_found


@pytest.mark.parametrize("chosen", ["x", "1.5", "", "٣"])
def test_what_is_no_id_cannot_be_chosen(browser: Client, alice: User, chosen: str) -> None:
    browser.raise_request_exception = False
    post = create_post(user_id=alice.pk, content="x")
    form = {"action": "hide_post", "reason": "It is spam"}
    path = reverse(POSTS)
    refused = browser.post(path, form | {"_selected_action": [post.pk, chosen]})
    assert refused.status_code == refused.json()["status"] == 400
    assert not Post.objects.get(pk=post.pk).hidden_at
    assert browser.post(path, form | {"_selected_action": [post.pk]}).status_code == 302
    assert Post.objects.get(pk=post.pk).hidden_at
