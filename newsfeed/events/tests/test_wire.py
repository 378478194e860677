"""The bytes of events: topics and dead letters keep them for weeks, and outboxes until they go."""

from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsfeed.events import outbox, registry
from newsfeed.events.event import Event
from newsfeed.events.models import OutboxEvent
from newsfeed.events.registry import encode
from newsfeed.kafka.topics import Topic, audit_log

SAMPLES = (Path(__file__).parent / "v1.jsonl").read_bytes().splitlines()
"""Written by the version before event types were classes, each type at least once."""

ids = st.integers(1, 2**53)
json_objects = st.dictionaries(st.text(), st.text() | ids | st.booleans() | st.none(), max_size=3)
envelopes = st.fixed_dictionaries(
    {
        "event_id": st.uuids(),
        "occurred_at": st.datetimes(timezones=st.just(UTC)),
        "actor_id": ids,
    }
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "target_type": st.text(),
    "reason": st.text(),
    "before": json_objects,
    "after": json_objects,
}


def _payload(sample: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = msgspec.json.decode(sample)
    return payload


def _type(sample: bytes) -> str:
    return str(_payload(sample)["type"])


def test_every_type_has_a_sample() -> None:
    assert set(map(_type, SAMPLES)) == set(registry.event_types())


@pytest.mark.parametrize("sample", SAMPLES, ids=_type)
def test_a_record_of_version_1_is_read_and_would_be_written_so_again(sample: bytes) -> None:
    payload = _payload(sample)
    event = registry.to_event(payload)
    assert encode(event) == sample
    is_audit = "target_type" in payload
    assert event.topic() == (audit_log() if is_audit else Topic.ACTIVITY.today())
    about = payload.get("target_id") or payload.get("post_id") or payload["actor_id"]
    assert event.entity_id == about
    row = OutboxEvent(payload=payload | {"later": 1})  # as an older version stored it
    assert outbox.value_of(row, outbox.event_of(row)) == sample[:-1] + b',"later":1}'


@given(st.sampled_from(SAMPLES), envelopes, st.data())
def test_the_type_and_the_envelope_come_first_and_then_the_fields_of_the_type(
    sample: bytes, envelope: dict[str, Any], data: st.DataObject
) -> None:
    payload = _payload(sample)
    own = {name: FIELDS.get(name, ids) for name in list(payload)[5:]}
    fields = envelope | data.draw(st.fixed_dictionaries(own))
    event = registry.event_types()[payload["type"]](**fields)
    assert encode(event) == msgspec.json.encode(payload | fields)  # in the sample's order
    assert registry.to_event(msgspec.json.decode(encode(event))) == event


@pytest.mark.parametrize("sample", SAMPLES, ids=_type)
def test_without_any_of_its_fields_a_known_event_is_invalid(sample: bytes) -> None:
    payload = _payload(sample)
    for field in payload.keys() - {"settled_to"}:
        with pytest.raises(registry.InvalidRecord) as refused:
            registry.to_event({name: payload[name] for name in payload if name != field})
        assert not isinstance(refused.value, registry.UnknownType)
    assert isinstance(registry.to_event(payload), Event)
