import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.events import FeedRecord, encode_for_each
from follows.events import Followed
from newsfeed.events import registry
from newsfeed.events.registry import InvalidRecord, UnknownType, decode, encode
from newsfeed.kafka.topics import Topic

MOMENT = datetime(2026, 3, 9, 1, 2, 3, 456789, tzinfo=UTC)
RECORD = FeedRecord(post_id=1, author_id=2, follower_id=3, content="안녕 🙂", created_at=MOMENT)
EVENT = Followed(
    event_id=UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
    occurred_at=MOMENT,
    actor_id=1,
    followee_id=2,
)
FEED_JSON = json.loads(encode(RECORD))
EVENT_JSON = json.loads(encode(EVENT))
NASTY = [
    '"',
    "\\",
    '"follower_id":7',
    '\\"follower_id\\":7',
    "안녕 🙂👍🏽",
    "a\nb\tc\0",
    "</script>",
    "",
]

KNOWN = {*FEED_JSON, *EVENT_JSON}

ids = st.integers(1, 2**53)
texts = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]))
records = st.builds(
    FeedRecord,
    post_id=ids,
    author_id=ids,
    follower_id=ids,
    content=texts,
    created_at=st.datetimes(timezones=st.just(UTC)),
)


def test_a_feed_record_has_five_fields_on_the_wire() -> None:
    assert FEED_JSON == {
        "post_id": 1,
        "author_id": 2,
        "follower_id": 3,
        "content": "안녕 🙂",
        "created_at": "2026-03-09T01:02:03.456789Z",
    }


@given(records)
def test_a_feed_record_is_decoded_as_it_was_encoded(record: FeedRecord) -> None:
    assert decode(Topic.FEED, encode(record)) == record


@given(records, st.lists(ids, min_size=1, max_size=20))
@example(RECORD, [3, 7, 2**53])
def test_encoding_for_each_follower_equals_encoding_one_by_one(
    record: FeedRecord, followers: list[int]
) -> None:
    one_by_one = [
        encode(
            FeedRecord(
                record.post_id, record.author_id, follower, record.content, record.created_at
            )
        )
        for follower in followers
    ]
    assert list(encode_for_each(record, followers)) == one_by_one


def test_for_nobody_nothing_is_encoded() -> None:
    assert list(encode_for_each(RECORD, [])) == []


def _changed(json_object: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(json_object | changes).encode()


def _without(json_object: dict[str, Any], field: str) -> bytes:
    return json.dumps({name: json_object[name] for name in json_object if name != field}).encode()


NO_TEXTS: list[object] = [None, 1, [], {}]
BAD_IDS: list[object] = [0, -1, 2**53 + 1, 10**30, 1.5, 1.0, "1", True, None, [1]]
NEEDED = [
    *((f"POST_{verb}", "post_id") for verb in ("CREATE", "UPDATE", "DELETE", "HIDE", "UNHIDE")),
    *((type_, "followee_id") for type_ in ("FOLLOW", "UNFOLLOW")),
]
INVALID_FEED: list[bytes | None] = [
    *(_without(FEED_JSON, field) for field in FEED_JSON),
    *(_changed(FEED_JSON, **{f: bad}) for f in list(FEED_JSON)[:3] for bad in BAD_IDS),
    *(_changed(FEED_JSON, content=bad) for bad in NO_TEXTS),
    *(_changed(FEED_JSON, created_at=bad) for bad in (None, 1, "", "yesterday", "2026-02-30")),
]
INVALID_EVENT: list[bytes | None] = [
    *(_without(EVENT_JSON, f) for f in ("type", "version", "event_id", "occurred_at", "actor_id")),
    *(_changed(EVENT_JSON, actor_id=bad) for bad in BAD_IDS),
    *(_changed(EVENT_JSON, followee_id=bad) for bad in BAD_IDS if bad is not None),
    *(
        _changed(EVENT_JSON, type="POST_HIDE", post_id=1, settled_to=bad)
        for bad in BAD_IDS
        if bad is not None
    ),
    *(_changed(EVENT_JSON, type=bad) for bad in ("follow", "BLOCK me", "B" * 65, "", None, 1)),
    *(_without(EVENT_JSON | {"type": type_}, needed) for type_, needed in NEEDED),
    *(_changed(EVENT_JSON, version=bad) for bad in (0, 2, "1", None)),
    *(_changed(EVENT_JSON, event_id=bad) for bad in ("", "x", 1, None)),
    _changed(EVENT_JSON, occurred_at="now"),
]
GARBAGE: list[bytes | None] = [
    None,
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"1",
    b'"text"',
    b"\xff\xfe",
    b"\xef\xbb\xbf" + encode(RECORD),
    encode(RECORD)[:-1],
    encode(RECORD) + b"}",
    encode(RECORD).replace(b"2026", b"\xff\xff"),
    encode(RECORD).replace("안".encode(), b"\\ud800"),
    encode(RECORD)[:-1] + b',"extra":NaN}',
    b"[" * 100_000,
    b'{"extra":' * 100_000,
]


@pytest.mark.parametrize("value", INVALID_FEED + GARBAGE)
def test_a_bad_feed_record_is_invalid(value: bytes | None) -> None:
    with pytest.raises(InvalidRecord):
        decode(Topic.FEED, value)
    assert decode(Topic.FEED, encode(RECORD)) == RECORD


@pytest.mark.parametrize("value", INVALID_EVENT + GARBAGE)
def test_a_bad_event_is_invalid(value: bytes | None) -> None:
    with pytest.raises(InvalidRecord) as refused:
        decode(Topic.ACTIVITY, value)
    assert not isinstance(refused.value, UnknownType)
    assert decode(Topic.ACTIVITY, encode(EVENT)) == EVENT


def test_a_time_without_a_zone_is_invalid() -> None:
    """It could not be compared with the time of delivery."""
    with pytest.raises(InvalidRecord):
        decode(Topic.FEED, _changed(FEED_JSON, created_at="2026-03-09T01:02:03"))
    with pytest.raises(InvalidRecord):
        decode(Topic.ACTIVITY, _changed(EVENT_JSON, occurred_at="2026-03-09T01:02:03"))
    assert decode(Topic.FEED, _changed(FEED_JSON, created_at="2026-03-09T10:02:03+09:00"))


def _decode_or_refuse(value: bytes) -> None:
    for topic in Topic:
        with suppress(InvalidRecord):
            decode(topic, value)


@given(st.binary())
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    _decode_or_refuse(value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from([*FEED_JSON, *EVENT_JSON, "post_id", "other"])


@given(st.sampled_from([FEED_JSON, EVENT_JSON]), st.dictionaries(fields, json_values, max_size=3))
def test_any_json_is_decoded_or_refused(valid: dict[str, Any], changes: dict[str, Any]) -> None:
    _decode_or_refuse(_changed(valid, **changes))


strangers = st.dictionaries(texts.filter(lambda name: name not in KNOWN), json_values, max_size=3)


@given(strangers)
def test_fields_that_this_version_does_not_know_are_ignored(extra: dict[str, Any]) -> None:
    assert decode(Topic.FEED, _changed(FEED_JSON, **extra)) == RECORD
    assert decode(Topic.ACTIVITY, _changed(EVENT_JSON, **extra)) == EVENT


@pytest.mark.parametrize("number", [b"1e999", b"9" * 5_000], ids=["big", "long"])
def test_even_a_number_that_no_machine_holds_is_ignored_there(number: bytes) -> None:
    extra = b',"other":' + number + b"}"
    assert decode(Topic.FEED, encode(RECORD)[:-1] + extra) == RECORD
    assert decode(Topic.ACTIVITY, encode(EVENT)[:-1] + extra) == EVENT


@given(
    st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True).filter(
        lambda type_: type_ not in registry.event_types()
    ),
    st.dictionaries(fields.filter("type".__ne__), json_values, max_size=3),
)
def test_a_type_that_this_version_does_not_know_is_told_from_a_bad_record(
    type_: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnknownType) as told:
        decode(Topic.ACTIVITY, _changed(EVENT_JSON, **changes, type=type_))
    assert told.value.type == type_
    with pytest.raises(InvalidRecord) as refused:
        decode(Topic.ACTIVITY, _changed(EVENT_JSON, actor_id=0))
    assert not isinstance(refused.value, UnknownType)


@given(records, st.data())
def test_a_record_with_a_byte_changed_is_decoded_or_refused(
    record: FeedRecord, data: st.DataObject
) -> None:
    value = bytearray(encode(record))
    value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    _decode_or_refuse(bytes(value))
