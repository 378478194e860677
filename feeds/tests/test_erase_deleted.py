from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from conftest import Pipeline
from feeds.management.commands import erase_deleted
from feeds.tests.conftest import dead_letter, write_posts
from newsfeed.events import dead_letters
from newsfeed.events.models import DeadLetter, OutboxEvent
from posts.models import Post


def _run(*options: str) -> list[str]:
    out = StringIO()
    call_command("erase_deleted", *options, stdout=out)
    return out.getvalue().splitlines()


def _delete_as_older_versions_did(user: User, *, hours: int) -> None:
    """What they left of the posts, and nobody will tell of it."""
    moment = timezone.now() - timedelta(hours=hours)
    User.objects.filter(pk=user.pk).update(is_active=False, deleted_at=moment)
    Post.objects.filter(user=user).update(deleted_at=moment)


def _texts(user: User) -> list[str]:
    return list(Post.objects.filter(user=user).order_by("pk").values_list("content", flat=True))


def test_an_account_that_an_older_version_deleted_is_erased(
    pipeline: Pipeline, alice: User, bob: User, carol: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase_deleted, "PAGE", 1)
    for user, hours in ((alice, 2), (bob, 2), (carol, 0)):
        write_posts(user, 2)
        _delete_as_older_versions_did(user, hours=hours)
    assert _run("--dry-run")[0] == "2 erasures would be begun again"
    assert not OutboxEvent.objects.exists()
    assert _run()[0] == "2 erasures begun again"
    pipeline.settle()
    assert [_texts(user) for user in (alice, bob, carol)] == [["", ""]] * 2 + [["post 0", "post 1"]]
    assert _run()[0] == "0 erasures begun again"


@pytest.mark.django_db
def test_texts_of_posts_that_an_older_version_deleted_are_erased(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erase_deleted, "PAGE", 2)
    ids = write_posts(alice, 5)
    moment = timezone.now() - timedelta(days=9)
    Post.objects.filter(pk__in=ids[:2]).update(deleted_at=moment)
    assert _run("--old-posts")[2:] == ["2 texts of deleted posts erased"]
    assert _texts(alice) == ["post 0", "post 1", "post 2", "", ""]
    assert set(Post.objects.filter(user=alice).values_list("deleted_at", flat=True)) == {
        None,
        moment,
    }
    assert _run("--old-posts")[2:] == ["0 texts of deleted posts erased"]


@pytest.mark.django_db
def test_dead_letters_stay_in_mysql_as_long_as_on_kafka() -> None:
    dead_letters._save([dead_letter(b"{}", offset) for offset in (1, 2)])
    for offset, days in ((1, 29), (2, 30)):
        written = timezone.now() - timedelta(days=days)
        DeadLetter.objects.filter(origin_offset=offset).update(created_at=written)
    assert _run("--dry-run")[1] == "1 dead letters would be deleted"
    assert _run()[1] == "1 dead letters deleted"
    assert [letter.origin_offset for letter in DeadLetter.objects.all()] == [1]
