"""Lists of the admin cost the same however long the tables are."""

import itertools
import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from follows.models import Follow
from moderation.models import ModerationAction, Report, ReportedPost
from newsfeed.admin.lists import KeysetAdmin
from posts.models import Post

SIZE = 3_000
PAGE = 50
LISTS = {
    "posts_post": ["", "q=user_7", "q={post}"],
    "accounts_user": ["", "q=user_7", "q={user}", "suspended=yes", "is_staff__exact=1"],
    "moderation_reportedpost": [""],
    "moderation_report": ["", "q={post}", "q=user_7"],
    "moderation_moderationaction": ["", "q={post}", "q=admin"],
    "follows_follow": ["", "q=user_7"],
}


@pytest.fixture
def full_tables(transactional_db: None, admin_user: User) -> None:
    """ANALYZE commits, so this cannot be rolled back."""
    now = timezone.now()
    User.objects.bulk_create(
        User(username=f"user_{n}", suspended_at=None if n % 100 else now) for n in range(SIZE)
    )
    users = list(User.objects.filter(username__startswith="user_").order_by("pk"))
    Post.objects.bulk_create(Post(user=users[n * 7 % SIZE], content="x") for n in range(SIZE))
    posts = list(Post.objects.order_by("pk"))
    Report.objects.bulk_create(
        Report(post=p, reporter=users[p.pk % 100], reason="x") for p in posts
    )
    ReportedPost.objects.bulk_create(
        ReportedPost(post=post, author_id=post.user_id, open_reports=post.pk % 9) for post in posts
    )
    ModerationAction.objects.bulk_create(
        ModerationAction(
            moderator=admin_user,
            action="hide_post",
            target_type="post",
            target_id=post.pk,
            reason="x",
            before={},
            after={},
        )
        for post in posts
    )
    Follow.objects.bulk_create(Follow(follower=a, followee=b) for a, b in itertools.pairwise(users))
    with connection.cursor() as cursor:
        for model in (User, Post, Report, ReportedPost, ModerationAction, Follow):
            cursor.execute(f"ANALYZE TABLE {model._meta.db_table}")
            cursor.fetchall()


def _plans(queries: CaptureQueriesContext) -> Iterator[tuple[str, str]]:
    """The queries of the lists themselves, each with what MySQL says about it."""
    for query in queries.captured_queries:
        sql = query["sql"]
        if re.match(r"SELECT .*`(posts|users|follows|moderation_\w+)`", sql):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {sql}")
                yield sql, "\n".join(map(str, cursor.fetchall()))


def test_no_list_counts_sorts_or_reads_a_whole_table(
    admin_client: Client, full_tables: None
) -> None:
    some = Post.objects.order_by("pk")[7]
    ids = {"post": some.pk, "user": some.user_id}
    for name, searches in LISTS.items():
        for search in (search.format(**ids) for search in searches):
            with CaptureQueriesContext(connection) as queries:
                page = admin_client.get(reverse(f"admin:{name}_changelist") + f"?{search}")
            assert page.status_code == 200
            assert len(page.context["cl"].result_list) > 0, (name, search)
            # The session, its user and second factor cost eight of them.
            assert len(queries) <= 14, "\n".join(q["sql"][:150] for q in queries.captured_queries)
            plans = list(_plans(queries))
            assert plans
            for sql, plan in plans:
                assert "COUNT(" not in sql, sql
                assert "'ALL'" not in plan, (sql, plan)
                assert "temporary" not in plan, (sql, plan)
                # A few rows that were found by their index may be sorted.
                assert "filesort" not in plan or search, (sql, plan)


@pytest.mark.parametrize("name", ["posts_post", "moderation_reportedpost"])
def test_pages_put_together_are_the_whole_list(
    admin_client: Client, full_tables: None, name: str
) -> None:
    path = reverse(f"admin:{name}_changelist")
    url, seen = path, []
    while url:
        page = admin_client.get(url)
        rows = page.context["cl"].result_list
        seen += [row.pk for row in rows]
        link = re.search(r'href="([^"]*)" rel="next"', page.content.decode())
        assert len(rows) == PAGE or link is None
        url = path + link[1].replace("&amp;", "&") if link else ""
    order = ["-open_reports", "-pk"] if name == "moderation_reportedpost" else ["-pk"]
    model = ReportedPost if name == "moderation_reportedpost" else Post
    assert seen == list(model.objects.order_by(*order).values_list("pk", flat=True))


@pytest.mark.parametrize("key", ["x", "1-2-3", "1-2", "-", "٣-x"])
def test_a_page_that_is_none_is_the_first(admin_client: Client, key: str) -> None:
    path = reverse("admin:posts_post_changelist")
    assert admin_client.get(path, {"p": key}).headers["Location"] == f"{path}?e=1"
    assert admin_client.get(path, {"p": "1"}).status_code == 200
    assert admin_client.get(path, {"p": f"{10**30}"}).status_code == 200


def test_completing_a_name_counts_no_further_than_a_thousand(
    admin_client: Client, full_tables: None
) -> None:
    field = {"app_label": "follows", "model_name": "follow", "field_name": "follower"}
    with CaptureQueriesContext(connection) as queries:
        answer = admin_client.get(reverse("admin:autocomplete"), field | {"term": ""})
    assert len(answer.json()["results"]) == 20
    counts = [q["sql"] for q in queries.captured_queries if "COUNT(" in q["sql"]]
    assert counts
    assert all("LIMIT 1000" in sql for sql in counts)
    found = admin_client.get(reverse("admin:autocomplete"), field | {"term": "user_7"})
    assert [one["text"] for one in found.json()["results"]] == ["user_7"]


def test_every_list_of_ours_is_such_a_list() -> None:
    ours = ("newsfeed", "accounts", "posts", "follows", "moderation", "feeds", "discovery")
    for model, model_admin in admin.site._registry.items():
        if model.__module__.split(".")[0] in ours:
            assert isinstance(model_admin, KeysetAdmin), model
