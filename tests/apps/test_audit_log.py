"""What moderators do goes to the topic `audit.log`, and only if it commits."""

import json

import pytest

from accounts.models import User
from conftest import Broker, Pipeline
from feeds.tests.conftest import write_posts
from moderation.services import moderate
from newsfeed.api.exceptions import Conflict
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka.topics import audit_log


def test_each_action_is_on_the_audit_log(
    alice: User, carol: User, pipeline: Pipeline, broker: Broker
) -> None:
    (post_id,) = write_posts(alice, 1)
    action = moderate("hide_post", moderator=carol, target_id=post_id, reason="왜냐하면")
    pipeline.settle()
    [record] = broker.records(audit_log())
    value = json.loads(record.value)
    assert len(value.pop("event_id")) == 36
    assert value == {
        "type": "hide_post",
        "version": 1,
        "occurred_at": action.created_at.isoformat().replace("+00:00", "Z"),
        "actor_id": carol.pk,
        "target_type": "post",
        "target_id": post_id,
        "reason": "왜냐하면",
        "before": action.before,
        "after": action.after,
    }


def test_what_is_refused_leaves_no_record(alice: User, carol: User) -> None:
    (post_id,) = write_posts(alice, 1)
    with pytest.raises(Conflict):
        moderate("unhide_post", moderator=carol, target_id=post_id, reason="x")
    assert not OutboxEvent.objects.exists()
    moderate("hide_post", moderator=carol, target_id=post_id, reason="x")
    types = [event.payload["type"] for event in OutboxEvent.objects.order_by("pk")]
    assert types == ["POST_HIDE", "hide_post"]
