import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from feeds import fanout
from newsfeed import worker
from newsfeed.events import producer

IDLE_SECONDS = 0.025


class Command(BaseCommand):
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
            worker.run(lambda: fanout.relay(name), idle_seconds=IDLE_SECONDS, port=metrics_port)
        finally:
            producer.close()
