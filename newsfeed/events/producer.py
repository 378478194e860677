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

from newsfeed.events.exceptions import Unavailable
from newsfeed.events.topics import Topic, days_from_today

logger = logging.getLogger(__name__)

NOT_READY_MS = 100
"""Only a bound: an answer, a new record or a connection wakes the sender up before."""


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


_lock = threading.Lock()
_producer: KafkaProducer | None = None
_linger_ms = 2
"""A request's few records wait for no more."""


def send_in_bulk() -> None:
    """For a process that sends thousands and then flushes: full batches cost a quarter less CPU."""
    global _linger_ms  # noqa: PLW0603
    _linger_ms = 20


def _get() -> KafkaProducer:
    global _producer  # noqa: PLW0603 (one per process is the point)
    with _lock:
        if _producer is None:
            _producer = KafkaProducer(
                bootstrap_servers=settings.KAFKA_BOOTSTRAP_SERVERS,
                # Named, so that the constructor need not wait for a broker to tell it.
                api_version=(4, 3),
                acks=settings.KAFKA_ACKS
                if settings.KAFKA_ACKS == "all"
                else int(settings.KAFKA_ACKS),
                # With it, a producer whose broker froze never sent again; readers are idempotent.
                enable_idempotence=False,
                max_in_flight_requests_per_connection=1,
                partitioner=ByEntityId(),
                kafka_client=PatientClient,
                compression_type="lz4",
                linger_ms=_linger_ms,
                batch_size=128 * 1024,
                max_block_ms=150,
                request_timeout_ms=5_000,
                delivery_timeout_ms=10_000,
                reconnect_backoff_max_ms=1_000,
                metrics_enabled=False,
            )
        return _producer


def _forget() -> None:
    """A fork inherits the producer without its thread."""
    global _producer, _lock
    _producer, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def send(messages: Iterable[Message]) -> Delivery:
    """Hands the records to the sender thread; waits up to 150 ms for a topic's metadata."""
    producer = _get()
    futures: list[Any] = []
    try:
        for topic, key, value, headers in messages:
            futures.append(producer.send(topic, value, b"%d" % key, headers))
    except KafkaError as error:
        return Delivery(futures, error)
    return Delivery(futures)


def flush(seconds: float) -> None:
    """Sends what lingers. What came of it, each Delivery tells."""
    with suppress(KafkaTimeoutError):
        _get().flush(seconds)


def warm() -> None:
    """Fetches the metadata of today's and tomorrow's topics, so that no request waits for it."""
    for topic in Topic:
        for day in days_from_today(2):
            try:
                _get().partitions_for(topic.on(day))
            except KafkaError as error:
                logger.warning("no metadata of %s yet: %r", topic.on(day), error)


def close(seconds: float = 5) -> None:
    """Sends what is left. What cannot be sent is in the outbox."""
    try:
        _get().close(timeout=seconds)
    except KafkaError as error:
        logger.warning("closed with records unsent: %r", error)
