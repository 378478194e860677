from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeds.handlers import HANDLERS
from newsfeed import worker
from newsfeed.events.consumer import Consumer
from newsfeed.events.exceptions import CannotGoOn


class Command(BaseCommand):
    help = (
        "Reads the dated Kafka topics and writes the followers' feeds in Redis. Run as many as you"
        " like, up to the number of partitions. SIGTERM finishes the batch, leaves the group and"
        " exits 0; any other exit code is a failure after which it wants to be started again. It"
        " exits 1, with one line, at too many dead letters or when it no longer gets records."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--metrics-port",
            type=int,
            default=0,
            help="serve /livez and /metrics here (default: no)",
        )

    def handle(self, *, metrics_port: int, **options: Any) -> None:
        consumer = Consumer(HANDLERS)
        try:
            worker.run(consumer.step, port=metrics_port)
        except CannotGoOn as error:
            raise CommandError(f"Stopped: {error}") from error
        finally:
            consumer.close()
