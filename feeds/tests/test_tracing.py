"""The id of a request, from its outbox row through Kafka to the log of the consumer."""

import logging

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Broker, Pipeline
from feeds import fanout
from feeds.tests.conftest import Away, crowd, edges
from follows.services import follow
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka.topics import Topic

POSTS = "/api/v1/posts/"
ID = {"x-request-id": "trace-me.7"}
EXPECTED = [("request-id", b"trace-me.7")]


def _traced(caplog: pytest.LogCaptureFixture, request_id: str) -> dict[str, str]:
    """What the consumer has said of a request: the outcome by topic."""
    return {
        record.__dict__["topic"].split("-")[1]: record.getMessage()
        for record in caplog.records
        if record.name == "newsfeed.events.tracing" and record.__dict__["request_id"] == request_id
    }


def _headers(broker: Broker, topic: Topic) -> list[list[tuple[str, bytes]]]:
    return [record.headers for record in broker.records(topic.today()) if record.headers]


def test_what_a_request_publishes_is_found_in_the_consumers_log(
    pipeline: Pipeline,
    broker: Broker,
    as_alice: APIClient,
    alice: User,
    caplog: pytest.LogCaptureFixture,
) -> None:
    edges(alice, crowd(3))
    caplog.set_level(logging.INFO)
    assert as_alice.post(POSTS, {"content": "x"}, headers=ID).status_code == 201
    assert not OutboxEvent.objects.exists()  # published by the request
    pipeline.settle()
    assert _headers(broker, Topic.ACTIVITY) == _headers(broker, Topic.FEED) == [EXPECTED]
    assert len(broker.records(Topic.FEED.today())) == 3
    assert _traced(caplog, "trace-me.7") == {"activity": "skipped", "feed": "applied"}


def test_so_is_what_the_relay_publishes_later(
    pipeline: Pipeline,
    broker: Broker,
    as_alice: APIClient,
    alice: User,
    kafka_away: Away,
    caplog: pytest.LogCaptureFixture,
) -> None:
    edges(alice, crowd(3))
    caplog.set_level(logging.INFO)
    with kafka_away():
        assert as_alice.post(POSTS, {"content": "x"}, headers=ID).status_code == 201
    assert OutboxEvent.objects.get().request_id == "trace-me.7"
    pipeline.settle()
    assert _traced(caplog, "trace-me.7") == {"activity": "skipped", "feed": "applied"}


def test_a_record_that_is_put_aside_is_named_too(
    pipeline: Pipeline,
    broker: Broker,
    as_alice: APIClient,
    alice: User,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edges(alice, crowd(1))
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(fanout, "encode_for_each", lambda *_: [b"{"])
    assert as_alice.post(POSTS, {"content": "x"}, headers=ID).status_code == 201
    pipeline.settle()
    assert _traced(caplog, "trace-me.7") == {"activity": "skipped", "feed": "dead letter"}


def test_what_no_request_causes_has_no_id(
    pipeline: Pipeline, broker: Broker, as_alice: APIClient, alice: User, bob: User
) -> None:
    follow(follower_id=bob.pk, followee_id=alice.pk)
    pipeline.settle()
    assert len(broker.records(Topic.ACTIVITY.today())) == 1
    assert _headers(broker, Topic.ACTIVITY) == []
