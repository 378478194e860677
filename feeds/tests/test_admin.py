"""The dead letters that MySQL holds, in Django's admin."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from feeds.events import FeedRecord
from feeds.tests.conftest import Away, dead_letter, make_ready, stored_ids
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import encode

CHANGELIST = "admin:events_deadletter_changelist"
NEW = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.fixture
def good(db: None) -> DeadLetter:
    make_ready(2)
    return _letter(encode(FeedRecord(5, 1, 2, "안녕 🎉", NEW)), offset=42)


@pytest.fixture
def bad(db: None) -> DeadLetter:
    return _letter(b"\xff <b>?</b>", offset=43)


def _letter(value: bytes, offset: int) -> DeadLetter:
    row = dead_letter(value, offset)
    row.save()
    return row


def _replay(client: Client, *letters: DeadLetter) -> str:
    """The page after the action."""
    selected = [letter.pk for letter in letters]
    action = {"action": "replay", "_selected_action": selected}
    return client.post(reverse(CHANGELIST), action, follow=True).content.decode()


def test_payload_and_error_can_be_read(
    admin_client: Client, good: DeadLetter, bad: DeadLetter
) -> None:
    page = admin_client.get(reverse(CHANGELIST)).content.decode()
    assert "feed-20260309[7]@42" in page
    assert "ValueError: a bug" in page
    pages = [
        admin_client.get(reverse("admin:events_deadletter_change", args=[letter.pk]))
        for letter in (good, bad)
    ]
    assert "안녕 🎉" in pages[0].content.decode()
    assert r"\xff &lt;b&gt;?&lt;/b&gt;" in pages[1].content.decode()


def test_nothing_is_added_changed_or_removed(admin_client: Client, good: DeadLetter) -> None:
    change = reverse("admin:events_deadletter_change", args=[good.pk])
    delete = reverse("admin:events_deadletter_delete", args=[good.pk])
    add = reverse("admin:events_deadletter_add")
    for path in (add, change, delete):
        assert admin_client.post(path, {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [good.pk], "post": "yes"}
    admin_client.post(reverse(CHANGELIST), action)
    assert list(DeadLetter.objects.all()) == [good]


def test_what_is_selected_is_replayed_once(
    admin_client: Client, good: DeadLetter, bad: DeadLetter
) -> None:
    assert "Replayed 1, failed 0." in _replay(admin_client, good)
    assert stored_ids(2) == [5]
    good.refresh_from_db()
    assert good.replayed_at is not None
    make_ready(2)
    assert "Replayed 0, failed 1." in _replay(admin_client, good, bad)
    assert stored_ids(2) == []
    bad.refresh_from_db()
    assert (bad.replayed_at, bad.attempts) == (None, 4)
    assert bad.error.startswith("InvalidRecord: ")


def test_without_redis_the_action_says_so(
    admin_client: Client, good: DeadLetter, redis_away: Away
) -> None:
    with redis_away():
        page = _replay(admin_client, good)
    assert "Stopped, as something is away: " in page
    assert "Replayed 0, failed 0." in page
    good.refresh_from_db()
    assert (good.replayed_at, good.attempts) == (None, 3)
    assert "Replayed 1, failed 0." in _replay(admin_client, good)


def test_who_may_only_look_cannot_replay(alice: User, good: DeadLetter) -> None:
    alice.is_staff = True
    alice.save()
    alice.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    browser = Client()
    browser.force_login(alice)
    assert "feed-20260309[7]@42" in browser.get(reverse(CHANGELIST)).content.decode()
    _replay(browser, good)
    assert stored_ids(2) == []
    alice.user_permissions.add(Permission.objects.get(codename="change_deadletter"))
    assert "Replayed 1, failed 0." in _replay(browser, good)
    assert stored_ids(2) == [5]
