"""A text that a user wrote everywhere is nowhere once the account's erasure has come to its end."""

import json
from collections.abc import Callable
from typing import Any

from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts.known_clients import remember
from accounts.models import User
from conftest import PASSWORD, Pipeline, Redis
from feeds.tests.conftest import dead_letter
from moderation.models import Report, ReportedPost
from newsfeed.events import dead_letters
from newsfeed.events.models import DeadLetter
from posts.models import Post
from posts.services import create_post

MARK = "zq7mark4zq"
TYPES = [
    *("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"),
    *("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
]


def marked_columns() -> dict[str, int]:
    """Rows that hold the mark, by `table.column`, of every table that there is."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND data_type IN %s",
            [TYPES],
        )
        for table, column in cursor.fetchall():
            cursor.execute(
                f"SELECT COUNT(*) FROM `{table}` WHERE LOCATE(%s, `{column}`)",  # noqa: S608
                [MARK],
            )
            if count := cursor.fetchone()[0]:
                found[f"{table}.{column}"] = count
    return found


def naming_columns(user_id: int) -> set[str]:
    """`table.column` of the foreign keys to users that name this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.key_column_usage"
            " WHERE table_schema = DATABASE() AND referenced_table_name = 'users'"
        )
        naming = set()
        for table, column in cursor.fetchall():
            cursor.execute(f"SELECT 1 FROM `{table}` WHERE `{column}` = %s", [user_id])  # noqa: S608
            if cursor.fetchone():
                naming.add(f"{table}.{column}")
    return naming


def marked_keys(redis: Redis) -> list[str]:
    """Keys of Redis that hold the mark, in their name or their value."""
    read: dict[Any, Any] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1),
    }
    values = {key: read[redis.type(key)](key) for key in redis.scan_iter()}
    return [key.decode() for key, value in values.items() if MARK in f"{key!r} {value!r}"]


def _write_everywhere(alice: User, as_alice: APIClient, theirs: Post) -> None:
    """By the API where it can be, and for the rest as the admin or an older version wrote it."""

    def post(text: str, **headers: str) -> int:
        body = {"content": f"{text} {MARK}"}
        return int(as_alice.post("/api/v1/posts/", body, headers=headers).json()["id"])

    post("shown", **{"idempotency-key": MARK})
    edited, deleted, hidden, deleted_before = (post(text) for text in "abcd")
    as_alice.patch(f"/api/v1/posts/{edited}/", {"content": f"edited {MARK}"})
    as_alice.delete(f"/api/v1/posts/{deleted}/")
    Post.objects.filter(pk=hidden).update(hidden_at=timezone.now())
    Post.objects.filter(pk=deleted_before).update(deleted_at=timezone.now())
    as_alice.post(f"/api/v1/posts/{theirs.pk}/report/", {"reason": f"reason {MARK}"})
    as_alice.patch("/api/v1/users/me/", {"display_name": MARK})
    User.objects.filter(pk=alice.pk).update(email=f"{MARK}@example.org", is_staff=True)
    letter = {"post_id": 1, "author_id": alice.pk, "follower_id": 1, "content": MARK}
    dead_letters._save([dead_letter(json.dumps(letter).encode() + b"?", 1)])


def _leave_traces(alice: User, moderator: User) -> None:
    """At the admin, where she had another name before."""
    TOTPDevice.objects.create(user=alice, name=MARK)  # which ends her sessions
    name = f"@{alice.username.upper()}"
    AccessAttempt.objects.create(username=name, user_agent=MARK, failures_since_start=1)
    LogEntry.objects.create(
        user=moderator,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(alice.pk),
        object_repr=MARK,
        action_flag=CHANGE,
    )
    remember(alice, "192.0.2.1")
    for user in (alice, moderator):
        Client().force_login(user, "django.contrib.auth.backends.ModelBackend")


PLACES = {
    "posts.content": 4,  # of the deleted one it is gone
    "posts_idempotency_keys.key": 1,
    "posts_idempotency_keys.answer": 1,
    "moderation_reports.reason": 1,
    "moderation_reported_posts.latest_reasons": 1,
    "moderation_reported_posts.content": 1,
    "users.display_name": 1,
    "users.email": 1,
    "otp_totp_totpdevice.name": 1,
    "events_deadletter.value": 1,
    "axes_accessattempt.user_agent": 1,
    "django_admin_log.object_repr": 1,
}


def test_a_text_that_was_written_everywhere_is_nowhere_after_the_erasure(
    pipeline: Pipeline,
    redis: Redis,
    alice: User,
    bob: User,
    as_user: Callable[[User], APIClient],
) -> None:
    theirs = create_post(user_id=bob.pk, content="of bob")
    _leave_traces(alice, bob)
    alice.refresh_from_db()
    as_alice, as_bob = as_user(alice), as_user(bob)
    _write_everywhere(alice, as_alice, theirs)
    shown = Post.objects.filter(user=alice).order_by("pk")[0]
    as_bob.post(f"/api/v1/posts/{shown.pk}/report/", {"reason": "what bob wrote"})
    assert as_alice.get("/api/v1/feed/").status_code == 200  # so Redis has a session of hers
    dead_letters._save([dead_letter(b'{"author_id":%d}' % bob.pk, 2)])
    pipeline.settle()
    assert marked_columns() == PLACES
    assert marked_keys(redis)
    assert naming_columns(alice.pk) >= {
        "auth_known_addresses.user_id",
        "auth_refresh_tokens.user_id",
    }

    assert as_alice.delete("/api/v1/users/me/", {"password": PASSWORD}).status_code == 204
    pipeline.settle()
    assert marked_columns() == {}
    assert marked_keys(redis) == []
    assert naming_columns(alice.pk) == {"posts.user_id", "moderation_reports.reporter_id"}
    assert User.objects.get(pk=alice.pk).erased_at
    # Others keep what is theirs; and nothing of hers is left to judge.
    assert sorted(Report.objects.values_list("reason", flat=True)) == ["", "what bob wrote"]
    assert [entry.post for entry in ReportedPost.objects.all()] == [theirs]
    assert [letter.origin_offset for letter in DeadLetter.objects.all()] == [2]
    (session,) = Session.objects.all()
    assert session.get_decoded()["_auth_user_id"] == str(bob.pk)
