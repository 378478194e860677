"""The one Kafka producer of this process."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from django.conf import settings
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient
from kafka.partitioner import Partitioner
from prometheus_client import Counter

from newsfeed.exceptions import Unavailable
from newsfeed.kafka import in_flight
from newsfeed.kafka.in_flight import InFlight
from newsfeed.kafka.topics import Topic, audit_log, days_from_today

logger = logging.getLogger(__name__)

NOT_READY_MS = 100
"""Only a bound: an answer, a new record or a connection wakes the sender up before."""

REPLACED = Counter("feed_producer_replaced_total", "Producers that were stuck.")


class PublishError(Unavailable):
    """Kafka did not acknowledge in time. The records may be on the topic all the same."""


class Message(NamedTuple):
    topic: str
    key: int
    value: bytes
    headers: list[tuple[str, bytes]] | None = None


class ByEntityId(Partitioner):  # type: ignore[misc]
    """Partition = id modulo the number of partitions, which is looked up once a topic.

    kafka-python's default sorts the partitions and runs murmur2 in Python for every record.
    A topic that grows is noticed by new processes; until then its new partitions stay empty.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def partition(self, topic: str, key: Any, serialized_key: bytes, *rest: Any) -> int:
        count = self._counts.get(topic)
        if count is None:
            cluster = rest[-1]
            count = self._counts[topic] = len(cluster.partitions_for_topic(topic))
        return int(serialized_key) % count


class PatientClient(KafkaNetClient):  # type: ignore[misc]
    """Sleeps until the broker answers.

    kafka-python's sender (3.0.12) takes a delay in seconds for one in milliseconds, and does not
    sleep at all while requests are in flight: a broker that hangs cost a whole CPU.
    """

    def connection_delay(self, node_id: int) -> float:
        delay: float = super().connection_delay(node_id)
        return max(NOT_READY_MS, 1_000 * delay)


class Delivery:
    """Records on their way to Kafka."""

    def __init__(self, futures: list[Any], error: KafkaError | None = None) -> None:
        self._futures, self._error = futures, error

    @property
    def is_refused(self) -> bool:
        """Not all of them were taken, as when their topic does not exist."""
        return self._error is not None

    def wait(self, seconds: float) -> None:
        """Returns when Kafka has acknowledged every record. Raises PublishError."""
        deadline = time.monotonic() + seconds
        try:
            if self._error:
                raise self._error
            for future in self._futures:
                if not future.succeeded():
                    future.get(max(0.0, deadline - time.monotonic()))
        except KafkaError as error:
            raise PublishError(repr(error)) from error


class _Current:
    """The producer of this process, made when it is first asked for."""

    linger_ms = 2
    """A request's few records wait for no more."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets it: a fork inherits it without its thread."""
        self._lock = threading.Lock()
        self.producer: KafkaProducer | None = None
        self.in_flight = InFlight()

    def get(self) -> KafkaProducer:
        with self._lock:
            if self.producer is not None and self._is_stuck(self.producer):
                self._discard(self.producer)
                self.producer, self.in_flight = None, InFlight()
            if self.producer is None:
                self.producer = _make(self.linger_ms)
            return self.producer

    def _is_stuck(self, producer: KafkaProducer) -> bool:
        waits_too_long = self.in_flight.waiting().seconds > settings.TIME_LIMITS.kafka_stuck
        return waits_too_long or not producer._sender.is_alive()

    def _discard(self, producer: KafkaProducer) -> None:
        """Waits for nothing: its records may be sent or not, and its thread ends when it wakes."""
        records = self.in_flight.waiting().records
        logger.error("the producer is stuck, with %d records; a new one follows", records)
        REPLACED.inc()
        with suppress(KafkaError):
            producer.close(timeout=0)
        producer._sender.force_close()


def _make(linger_ms: int) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
        # Named, so that the constructor need not wait for a broker to tell it.
        api_version=(4, 3),
        acks=settings.KAFKA_ACKS if settings.KAFKA_ACKS == "all" else int(settings.KAFKA_ACKS),
        # With it, a producer whose broker froze never sent again; readers are idempotent.
        enable_idempotence=False,
        max_in_flight_requests_per_connection=1,
        partitioner=ByEntityId(),
        kafka_client=PatientClient,
        compression_type="lz4",
        linger_ms=linger_ms,
        batch_size=128 * 1024,
        max_block_ms=int(1_000 * settings.TIME_LIMITS.kafka_metadata),
        request_timeout_ms=5_000,
        delivery_timeout_ms=1_000 * settings.TIME_LIMITS.kafka_delivery,
        reconnect_backoff_max_ms=1_000,
        metrics_enabled=False,
    )


current = _Current()
os.register_at_fork(after_in_child=current.reset)


def send_in_bulk() -> None:
    """For a process that sends thousands and then flushes: full batches cost a quarter less CPU."""
    current.linger_ms = 20


def send(messages: Iterable[Message]) -> Delivery:
    """Hands the records to the sender thread.

    Waits up to `kafka_metadata` seconds for a topic's metadata. While 50,000 records wait for their
    acknowledgement, no others are taken.
    """
    producer = current.get()
    if (records := current.in_flight.waiting().records) >= in_flight.MAX_RECORDS:
        return Delivery([], KafkaError(f"{records} records are not acknowledged yet"))
    futures: list[Any] = []
    error: KafkaError | None = None
    try:
        for topic, key, value, headers in messages:
            futures.append(producer.send(topic, value, b"%d" % key, headers))
    except KafkaError as refused:
        error = refused
    current.in_flight.add(futures)
    return Delivery(futures, error)


def flush(seconds: float) -> bool:
    """Sends what lingers. What came of it, each Delivery tells; False: some are still waiting."""
    with suppress(KafkaTimeoutError):
        current.get().flush(seconds)
        return True
    return False


def warm() -> None:
    """Fetches the metadata of the topics that are written to, so that no request waits for it."""
    for name in (audit_log(), *(topic.on(day) for topic in Topic for day in days_from_today(2))):
        try:
            current.get().partitions_for(name)
        except KafkaError as error:
            logger.warning("no metadata of %s yet: %r", name, error)


def close(seconds: float = 5) -> None:
    """Sends what is left. What cannot be sent is in the outbox."""
    try:
        current.get().close(timeout=seconds)
    except KafkaError as error:
        logger.warning("closed with records unsent: %r", error)
