"""Bugs of the consumer: between a record on Kafka and what it means."""

from tests.faults.mutants.patch import Patch, look_up
from tests.faults.mutants.registry import mutant

EVENTS = "newsfeed/events/tests"
CRASH = (
    f"{EVENTS}/test_consumer.py::test_a_crash_commits_nothing_and_the_next_consumer_gets_the_same"
)
HOLD = f"{EVENTS}/test_consumer.py::test_what_cannot_be_handled_now_is_held_and_handled_later"
LATE_TOPIC = (
    f"{EVENTS}/test_consumer_topics.py::test_a_topic_that_is_discovered_late_is_read_from_its_start"
)
REPLAY = "feeds/tests/test_replay_dead_letters.py"
FAILURES = f"{EVENTS}/test_failures.py"
CRASH_POINT = (
    "tests/faults/test_crash_points.py"
    "::test_a_process_that_dies_anywhere_loses_and_doubles_nothing"
    "[consumer-before:feeds.store:FeedStore.push-1]"
)


@mutant(
    breaks="I7: a consumer that dies takes the posts of its last batch with it",
    killed_by=(CRASH, CRASH_POINT),
)
def commit_before_write(patch: Patch) -> None:
    commit = """
self._handled |= {partition: raws[-1].offset + 1 for partition, raws in batch.items()}
self._commit()
self._handle(batch)
"""
    step = "newsfeed.events.consumer:Consumer.step"
    patch.edit(step, {"self._handle(batch)": commit.strip()})


@mutant(
    breaks="I7: what Kafka has handed out is lost when the consumer dies before applying it",
    killed_by=(CRASH,),
)
def auto_commit(patch: Patch) -> None:
    options = "newsfeed.kafka.readers:options"
    patch.edit(options, {'"enable_auto_commit": False': '"enable_auto_commit": True'})
    patch.edit("newsfeed.events.consumer:Consumer.close", {"autocommit=False, ": ""})


@mutant(
    breaks="I7: the first posts of a day are lost when their topic is discovered late",
    killed_by=(LATE_TOPIC,),
)
def topics_read_from_their_end(patch: Patch) -> None:
    patch.edit("newsfeed.kafka.readers:options", {'"earliest"': '"latest"'})


@mutant(
    breaks="I7: what was polled when an outage began is never delivered",
    killed_by=(HOLD,),
)
def hold_without_going_back(patch: Patch) -> None:
    hold = "newsfeed.events.consumer:Consumer._hold"
    patch.edit(hold, {"self._kafka.seek(partition, raws[0].offset)": "pass"})


@mutant(
    breaks="I8: posts become dead letters, and wait for an operator, while Redis is away",
    killed_by=(f"{FAILURES}::test_what_goes_away_between_the_tries_makes_no_dead_letter",),
)
def dead_letters_on_redis_outage(patch: Patch) -> None:
    away = "newsfeed.events.failures:AWAY"
    unavailable = look_up("newsfeed.exceptions:Unavailable")
    patch.set(away, tuple(error for error in look_up(away) if error is not unavailable))


@mutant(
    breaks="I7: a record that fails at its last try is lost",
    killed_by=(f"{FAILURES}::test_the_third_try_is_one_by_one_and_only_the_culprits_die",),
)
def culprits_dropped(patch: Patch) -> None:
    culprits = "in _culprits(records, group.handler).items():"
    none = "in [*_culprits(records, group.handler).items()][:0]:"
    patch.edit("newsfeed.events.failures:apply", {culprits: none})


@mutant(
    breaks="I7: new event types fill the dead letters, and stop a consumer of an older version",
    killed_by=(
        f"{FAILURES}::test_records_of_unknown_types_are_skipped_and_counted_and_stop_nobody",
    ),
)
def unknown_types_are_dead_letters(patch: Patch) -> None:
    letter = "dead_letters.letter(topic, raw, error, group=group.name)"
    patch.edit("newsfeed.events.failures:apply", {"Skipped(error.type)": letter})


@mutant(
    breaks="I7: a dead letter that Kafka refuses is lost",
    killed_by=(f"{EVENTS}/test_dead_letters.py::test_what_kafka_refuses_is_kept_in_mysql",),
)
def dead_letter_not_awaited(patch: Patch) -> None:
    patch.edit("newsfeed.events.dead_letters:publish", {".wait(ACK_SECONDS)": ""})


@mutant(
    breaks="I1: an event without its post's id is applied to another post, and nobody learns of it",
    killed_by=(f"{EVENTS}/test_registry.py::test_a_bad_event_is_invalid",),
)
def missing_id_accepted(patch: Patch) -> None:
    value = '_decoder(record_type).decode(value or b"")'
    filled_in = (
        """_decoder(record_type).decode((value or b"").replace(b"{", b'{"post_id":1,', 1))"""
    )
    patch.edit("newsfeed.events.registry:decode", {value: filled_in})


@mutant(
    breaks="I7: a consumer commits what another one has not applied",
    killed_by=(f"{EVENTS}/test_groups.py::test_each_group_gets_every_record_and_waits_for_nobody",),
)
def groups_share_a_commit(patch: Patch) -> None:
    patch.set("newsfeed.events.groups:Group.id", "all-of-them")


@mutant(
    breaks="I7: a replay applies a record again to consumers that have applied it",
    killed_by=(
        f"{REPLAY}::test_a_letter_goes_to_its_consumer_alone_and_one_that_names_none_to_all",
    ),
)
def replay_reaches_every_group(patch: Patch) -> None:
    named = "[get_group_or_raise(letter.group)] if letter.group else readers(topic)"
    patch.edit("newsfeed.events.replay:_groups", {named: "readers(topic)"})
