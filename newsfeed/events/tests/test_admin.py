import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from newsfeed.events import outbox
from newsfeed.events.models import OutboxEvent
from posts.events import PostCreated

CHANGELIST = "admin:events_outboxevent_changelist"


@pytest.fixture
def event(db: None) -> OutboxEvent:
    with transaction.atomic():
        return outbox.add(PostCreated(actor_id=1, post_id=1))


def test_waiting_events_can_be_looked_at(admin_client: Client, event: OutboxEvent) -> None:
    page = admin_client.get(reverse(CHANGELIST))
    assert page.status_code == 200
    assert str(event.event_id) in page.content.decode()
    assert "POST_CREATE" in page.content.decode()
    change = reverse("admin:events_outboxevent_change", args=[event.pk])
    assert admin_client.get(change).status_code == 200


def test_nothing_is_added_changed_or_removed(admin_client: Client, event: OutboxEvent) -> None:
    change = reverse("admin:events_outboxevent_change", args=[event.pk])
    delete = reverse("admin:events_outboxevent_delete", args=[event.pk])
    add = reverse("admin:events_outboxevent_add")
    for path in (add, change, delete):
        assert admin_client.post(path, {"post": "yes"}).status_code == 403
    action = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    admin_client.post(reverse(CHANGELIST), action)
    assert list(OutboxEvent.objects.all()) == [event]
