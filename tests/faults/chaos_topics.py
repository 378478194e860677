"""Faults of what is on the topics: poison, duplicates, and a topic that is deleted."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import count

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from newsfeed.kafka.topics import Topic
from tests.deadline import wait_until
from tests.faults.chaos_processes import second
from tests.faults.chaos_scene import Fault, Scene
from tests.topics import FEED

BURST = 50
"""Below what the consumer takes for a producer gone wrong: more than 100 in a row."""
FLOOD = 1_000
SPREAD = 20
COPIES = 300
PARTITIONS = 12
_numbers = count()


def poison_a_few(scene: Scene) -> None:
    """About one record in a hundred."""
    for _ in range(SPREAD):
        _poison(scene, [_garbage()])
        time.sleep(0.1)


def poison_in_a_row(scene: Scene) -> None:
    _poison(scene, [_garbage() for _ in range(BURST)])


def flood_of_poison(scene: Scene) -> None:
    """The consumer stops, as it should, until its operator puts the records aside."""
    with _operator(scene):
        _poison(scene, [_garbage() for _ in range(FLOOD)])


def nothing_but_poison(scene: Scene) -> None:
    """On every partition, while nobody posts."""
    with scene.load.paused(), _operator(scene):
        for partition in range(PARTITIONS):
            _poison(scene, [_garbage() for _ in range(FLOOD // PARTITIONS)], partition)


@contextmanager
def _operator(scene: Scene) -> Iterator[None]:
    """Sees that the consumer stops at what comes in the block, and has it put aside."""
    service = scene.service
    consumer, letters = service.stack.pid("consumer"), service.dead_letters()
    known = len(scene.ledger.poison)
    yield
    wait_until(lambda: service.stack.pid("consumer") not in {0, consumer}, 30, "it stops")
    letters += len(scene.ledger.poison) - known
    with second(scene, "consume_feed", "--put-aside") as process:
        wait_until(lambda: service.dead_letters() >= letters, 60, "all is put aside")
        process.terminate()


def poison_schema(scene: Scene) -> None:
    """JSON, but no feed records."""
    wrong: list[object] = [[next(_numbers)], f"{next(_numbers)}", {"post_id": next(_numbers)}]
    for change in ({"post_id": 2**60}, {"created_at": "soon"}, {"follower_id": "1"}):
        record = {
            "post_id": 1,
            "author_id": 1,
            "follower_id": 1,
            "created_at": "2026-01-01T00:00:00Z",
        }
        wrong.append(record | {"content": f"{next(_numbers)}"} | change)
    _poison(scene, [json.dumps(value).encode() for value in wrong])


def _garbage() -> bytes:
    return b"\xff\x00{%d" % next(_numbers)


def _poison(scene: Scene, values: list[bytes], partition: int | None = None) -> None:
    scene.ledger.poison.update(values)
    if partition is None:
        partition = scene.dice.randrange(PARTITIONS)
    _send(scene, [(partition, value) for value in values])


def repeat_in_any_order(scene: Scene) -> None:
    """What was delivered long ago comes again, behind what came after it."""
    servers = scene.service.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
    copies: list[tuple[int, bytes]] = []
    ends = scene.service.topics.ends(FEED)
    with closing(KafkaConsumer(bootstrap_servers=servers)) as kafka:
        for partition, end in ends.items():
            start = scene.dice.randrange(max(1, end - COPIES))
            kafka.assign([partition])
            kafka.seek(partition, start)
            last = min(end, start + COPIES)
            deadline = time.monotonic() + 5
            while kafka.position(partition) < last and time.monotonic() < deadline:
                for batch in kafka.poll(timeout_ms=200, max_records=COPIES).values():
                    copies += [(record.partition, record.value) for record in batch]
    copies = [copy for copy in copies if copy[1] not in scene.ledger.poison]
    scene.dice.shuffle(copies)
    _send(scene, copies)


def _send(scene: Scene, records: Iterable[tuple[int, bytes]]) -> None:
    servers = scene.service.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
    with closing(KafkaProducer(bootstrap_servers=servers, enable_idempotence=False)) as producer:
        topic = Topic.FEED.today()
        sent = [producer.send(topic, value, partition=partition) for partition, value in records]
        producer.flush(20)
        for future in sent:
            future.get(10)
    scene.ledger.injected += len(sent)


def delete_topics(scene: Scene) -> None:
    """At rest: what nobody has read yet would be gone for good, as the operator asked."""
    servers = scene.service.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
    topics = scene.service.topics
    with scene.load.paused():
        scene.wait_for_rest()
        scene.ledger.deleted += sum(topics.ends(FEED).values())
        with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
            admin.delete_topics([Topic.FEED.today()])
        wait_until(lambda: not _is_there(scene), 10, "the topic is gone")
    try:
        wait_until(lambda: _is_there(scene), 20, "the topic is made again")
    except AssertionError:
        scene.ledger.by_hand.append("today's topic was deleted; nobody made it again within 20 s")
        scene.service.stack.manage("topics", "ensure", "--days", "2")


def _is_there(scene: Scene) -> bool:
    try:
        return any(tp.topic == Topic.FEED.today() for tp in scene.service.topics.ends(FEED))
    except KafkaError:  # half deleted
        return False


TOPIC_FAULTS: dict[str, Fault] = {
    "poison, 1 in 100": poison_a_few,
    "poison, 50 in a row": poison_in_a_row,
    "poison, 1,000 in a row": flood_of_poison,
    "poison, nothing else": nothing_but_poison,
    "poison, wrong schema": poison_schema,
    "duplicates in any order": repeat_in_any_order,
    "today's topic deleted": delete_topics,
}
