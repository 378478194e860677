import logging
import os
import socket
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError
from prometheus_client import Gauge

from newsfeed.events import outbox, relay
from newsfeed.kafka import producer
from newsfeed.workers import loop

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.025
AWAY_SECONDS = 1
MEASURE_SECONDS = 5

DEPTH = Gauge("feed_outbox_depth", "Events that wait in the outbox, up to 100,000.")
AGE = Gauge("feed_outbox_oldest_age_seconds", "Since the oldest of them was written.")


class Command(BaseCommand):
    was_away = False
    measure_at = 0.0
    help = (
        "Publishes the outbox events that the API did not: of authors with many followers, and all"
        " that waited while Kafka was away. Several may run. SIGTERM finishes the step and exits 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--metrics-port",
            type=int,
            default=0,
            help="serve /livez and /metrics here (default: no)",
        )

    def handle(self, *, metrics_port: int, **options: Any) -> None:
        producer.send_in_bulk()
        name = f"{socket.gethostname()}:{os.getpid()}"
        try:
            loop.run(lambda: self.step(name), idle_seconds=IDLE_SECONDS, port=metrics_port)
        finally:
            producer.close()

    def step(self, name: str) -> int:
        """Sits out that MySQL is away."""
        try:
            if self.was_away:
                outbox.give_back(name)
                self.was_away = False
            self.measure()
            return relay.relay(name)
        except (OperationalError, InterfaceError) as error:
            logger.warning("waiting for MySQL: %r", error)
            self.was_away = True
            time.sleep(AWAY_SECONDS)
            return 0

    def measure(self) -> None:
        """Every relay tells the whole outbox: of several, take the highest."""
        if time.monotonic() < self.measure_at:
            return
        self.measure_at = time.monotonic() + MEASURE_SECONDS
        backlog = outbox.backlog()
        DEPTH.set(backlog.depth)
        AGE.set(backlog.seconds)
