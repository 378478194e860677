from collections.abc import Iterable

import pytest
from django.db import models
from rest_framework.exceptions import NotFound, PermissionDenied

from accounts.models import User
from moderation.models import AppendOnly, ModerationAction, Report, ReportedPost
from moderation.services import moderate, report_post
from moderation.targets import verbs
from newsfeed.api.exceptions import Conflict
from posts.models import Post
from posts.services import create_post


@pytest.fixture
def report(post: Post, bob: User) -> Report:
    return report_post(reporter_id=bob.pk, post_id=post.pk, reason="spam")


def test_an_action_tells_who_did_what_and_why(post: Post, report: Report, moderator: User) -> None:
    action = moderate("hide_post", moderator=moderator, target_id=post.pk, reason="It is spam")
    post.refresh_from_db()
    action.refresh_from_db()
    assert post.hidden_at is not None
    assert (action.moderator, action.action, action.reason) == (
        moderator,
        "hide_post",
        "It is spam",
    )
    assert (action.target_type, action.target_id) == ("post", post.pk)
    assert action.before == {"hidden_at": None, "deleted_at": None, "open_reports": 1}
    assert action.after == {
        "hidden_at": post.hidden_at.isoformat(),
        "deleted_at": None,
        "open_reports": 0,
    }


@pytest.mark.parametrize("verb", ["hide_post", "delete_post", "dismiss_reports"])
def test_what_is_done_to_a_post_resolves_its_reports_and_no_others(
    post: Post, report: Report, bob: User, moderator: User, verb: str
) -> None:
    other = create_post(user_id=post.user_id, content="x")
    report_post(reporter_id=bob.pk, post_id=other.pk, reason="x")
    moderate(verb, moderator=moderator, target_id=post.pk, reason="x")
    report.refresh_from_db()
    assert report.resolved_at is not None
    assert [entry.pk for entry in ReportedPost.objects.all()] == [other.pk]
    assert Report.objects.filter(resolved_at=None).get().post == other


def test_a_suspension_answers_all_reports_of_the_author(
    post: Post, report: Report, alice: User, bob: User, moderator: User
) -> None:
    for author, reporter in ((alice, bob), (bob, alice)):
        other = create_post(user_id=author.pk, content="x")
        report_post(reporter_id=reporter.pk, post_id=other.pk, reason="x")
    action = moderate("suspend_user", moderator=moderator, target_id=alice.pk, reason="x")
    alice.refresh_from_db()
    assert not alice.is_active
    assert alice.suspended_at is not None
    assert action.before == {"is_active": True, "suspended_at": None}
    assert action.after == {"is_active": False, "suspended_at": alice.suspended_at.isoformat()}
    assert [entry.author for entry in ReportedPost.objects.all()] == [bob]
    moderate("reinstate_user", moderator=moderator, target_id=alice.pk, reason="x")
    reinstated = User.objects.get(pk=alice.pk)
    assert (reinstated.is_active, reinstated.suspended_at) == (True, None)


def test_what_cannot_be_done_leaves_nothing(post: Post, moderator: User) -> None:
    refused: Iterable[tuple[str, type[Exception]]] = [
        ("unhide_post", Conflict),
        ("dismiss_reports", Conflict),
        *((verb, NotFound) for verb in verbs()),
    ]
    for verb, error in refused:
        target_id = post.pk if error is Conflict else 999_999
        with pytest.raises(error):
            moderate(verb, moderator=moderator, target_id=target_id, reason="x")
    assert not ModerationAction.objects.exists()
    moderate("hide_post", moderator=moderator, target_id=post.pk, reason="x")
    assert ModerationAction.objects.count() == 1


def test_only_a_superuser_suspends_staff_and_nobody_themselves(
    alice: User, bob: User, moderator: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    for target in (moderator, bob):
        with pytest.raises(PermissionDenied):
            moderate("suspend_user", moderator=moderator, target_id=target.pk, reason="x")
    moderator.is_superuser = True
    with pytest.raises(PermissionDenied, match="themselves"):
        moderate("suspend_user", moderator=moderator, target_id=moderator.pk, reason="x")
    moderate("suspend_user", moderator=moderator, target_id=bob.pk, reason="x")
    assert not User.objects.get(pk=bob.pk).is_active


def test_actions_are_neither_changed_nor_removed(post: Post, moderator: User) -> None:
    action = moderate("hide_post", moderator=moderator, target_id=post.pk, reason="x")
    actions = ModerationAction.objects.all()
    action.reason = "y"
    for attempt in (
        action.save,
        action.delete,
        actions.delete,
        moderator.delete,
        lambda: actions.update(reason="y"),
        lambda: actions.bulk_update([action], ["reason"]),
        lambda: ModerationAction.objects.update_or_create(pk=action.pk, defaults={"reason": "y"}),
    ):
        with pytest.raises((AppendOnly, models.ProtectedError)):
            attempt()
    assert ModerationAction.objects.get().reason == "x"
