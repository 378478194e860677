"""An app adds a type of object that moderators act on, with nothing but its own declaration."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone

from accounts.models import KnownAddress, User
from conftest import Broker, Pipeline
from moderation import targets
from moderation.admin import register_targets
from moderation.events import event_type
from moderation.models import ModerationAction
from moderation.targets import Target, Verb, register
from newsfeed.events import registry
from newsfeed.kafka.topics import audit_log


def _expire(id_: int) -> KnownAddress:
    KnownAddress.objects.filter(pk=id_).update(expires_at=timezone.now())
    return KnownAddress.objects.get(pk=id_)


def _lock(id_: int) -> KnownAddress:
    return KnownAddress.objects.select_for_update().get(pk=id_)


ADDRESS = Target(
    name="address",
    model=KnownAddress,
    permission="accounts.change_knownaddress",
    lock=_lock,
    fields=("expires_at",),
    describe=lambda address: f"an address of @{address.user.username}",
    author="user",
)


class Urls:
    """Built while the list is registered."""

    def __init__(self) -> None:
        self.urlpatterns = [path("admin/", admin.site.urls)]


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    monkeypatch.setattr(targets, "_verbs", dict(targets.verbs()))
    register(Verb(ADDRESS, "expire_address", "Expire address", _expire))
    monkeypatch.setattr(
        registry,
        "_events",
        registry.event_types() | {"expire_address": event_type("expire_address")},
    )
    register_targets()
    settings.ROOT_URLCONF = Urls()
    yield
    admin.site.unregister(KnownAddress)


def _act(browser: Client, action: str, address: KnownAddress) -> str:
    chosen = {"action": action, "_selected_action": address.pk, "reason": "A café"}
    changelist = reverse("admin:accounts_knownaddress_changelist")
    return browser.post(changelist, chosen, follow=True).content.decode()


def test_it_is_listed_acted_upon_and_told_of(
    admin_client: Client, admin_user: User, alice: User, broker: Broker, pipeline: Pipeline
) -> None:
    future = datetime(2100, 1, 1, tzinfo=timezone.get_current_timezone())
    address = KnownAddress.objects.create(
        user=alice, client_hash="x", last_login_at=future, expires_at=future
    )
    page = admin_client.get(reverse("admin:accounts_knownaddress_changelist")).content.decode()
    assert "an address of @alice" in page
    assert "Expire address" in page
    assert "Expire address: 1 of 1 done." in _act(admin_client, "expire_address", address)
    address.refresh_from_db()
    assert address.expires_at < future
    action = ModerationAction.objects.get()
    assert action.get_action_display() == "Expire address"
    assert action.before == {"expires_at": future.isoformat()}
    pipeline.settle()
    [record] = broker.records(audit_log())
    told = json.loads(record.value)
    assert (told["type"], told["target_type"]) == ("expire_address", "address")
    assert told["after"] == action.after == {"expires_at": address.expires_at.isoformat()}
    change = reverse("admin:accounts_knownaddress_change", args=[address.pk])
    assert "expire_address by" in admin_client.get(change).content.decode()
    actions = admin_client.get(reverse("admin:moderation_moderationaction_changelist"))
    assert f'<a href="{change}">address {address.pk}</a>' in actions.content.decode()
    _act(admin_client, "suspend_user", address)
    alice.refresh_from_db()
    assert alice.suspended_at


def test_a_name_means_one_verb(db: None) -> None:
    with pytest.raises(ImproperlyConfigured, match="expire_address"):
        register(Verb(ADDRESS, "expire_address", "Other", _lock))
