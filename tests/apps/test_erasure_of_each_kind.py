"""An erasure takes one kind after the other: each must go although nothing else is left."""

from collections.abc import Callable

import pytest

from accounts import erasure
from accounts.models import RefreshToken, User
from accounts.services import delete_user
from accounts.tokens import issue_tokens
from feeds.tests.conftest import edges, write_posts
from follows.models import Follow
from moderation.models import Report, ReportedPost
from moderation.services import report_post
from newsfeed.api.models import IdempotencyKey
from posts.models import Post

# The other user has a post.
LEFT: dict[str, Callable[[User, User], object]] = {
    "post": lambda user, _: write_posts(user, 1),
    "follower": lambda user, other: edges(user, [other]),
    "followee": lambda user, other: edges(other, [user]),
    "answer": lambda user, _: IdempotencyKey.objects.create(user_id=user.pk, key="a"),
    "token": lambda user, _: issue_tokens(user),
    "reason": lambda user, other: report_post(
        reporter_id=user.pk, post_id=Post.objects.get(user=other).pk, reason="x"
    ),
    "queue": lambda user, other: report_post(
        reporter_id=other.pk, post_id=write_posts(user, 1)[0], reason="x"
    ),
}


@pytest.mark.parametrize("kind", LEFT)
def test_whatever_there_is_goes_although_there_is_nothing_else(
    alice: User, bob: User, password: str, kind: str
) -> None:
    write_posts(bob, 1)
    LEFT[kind](alice, bob)
    tables = [
        Post.objects.filter(user=alice, deleted_at=None),
        Follow.objects.filter(followee=alice),
        Follow.objects.filter(follower=alice),
        IdempotencyKey.objects.filter(user_id=alice.pk),
        RefreshToken.objects.filter(user=alice),
        Report.objects.filter(reporter=alice).exclude(reason=""),
        ReportedPost.objects.filter(author=alice),
    ]
    assert any(rows.all().exists() for rows in tables)
    delete_user(user=alice, password=password)
    erasure.erase([alice.pk])
    assert not any(rows.all().exists() for rows in tables)
    assert User.objects.get(pk=alice.pk).erased_at is not None
