from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from feeds.handlers import HANDLERS
from newsfeed.events.consumer import Consumer
from newsfeed.events.reprocessing import UnknownTopic, reprocess
from newsfeed.exceptions import CannotGoOn
from newsfeed.workers import loop


class Command(BaseCommand):
    help = (
        "Reads the dated Kafka topics and writes the followers' feeds in Redis. Run as many as you"
        " like, up to the number of partitions. SIGTERM finishes the batch, leaves the group and"
        " exits 0; any other exit code is a failure after which it wants to be started again. It"
        " exits 1, with one line, at too many dead letters or when it no longer gets records."
        " When it was the records, and not what was deployed, one more with --put-aside, ended by"
        " SIGTERM, makes dead letters of them however many there are."
        " With --topic NAME --from-beginning --once, which go together, it applies one day's topic"
        " again, up to where it ends now, tells how many records that were and exits 0; 1 when"
        " something is away. It commits nothing, changes nothing that is right already, and may be"
        " run again at any time, beside the other consumers; SIGTERM finishes the batch here too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--metrics-port",
            type=int,
            default=0,
            help="serve /livez and /metrics here (default: no)",
        )
        parser.add_argument(
            "--topic", metavar="NAME", help="this dated topic only, as `topics list` names it"
        )
        parser.add_argument("--from-beginning", action="store_true", help="from its first record")
        parser.add_argument("--once", action="store_true", help="end where it ends now")
        parser.add_argument(
            "--put-aside",
            action="store_true",
            help="make dead letters of all bad records, however many there are",
        )

    def handle(self, *, topic: str | None, metrics_port: int, **options: Any) -> None:
        if topic is not None or options["from_beginning"] or options["once"]:
            if not (topic and options["from_beginning"] and options["once"]):
                raise CommandError("--topic, --from-beginning and --once go together.")
            if metrics_port or options["put_aside"]:
                raise CommandError("--metrics-port and --put-aside do not go with --once.")
            self.reprocess(topic)
        else:
            self.consume(metrics_port, put_aside=options["put_aside"])

    def consume(self, metrics_port: int, *, put_aside: bool) -> None:
        consumer = Consumer(HANDLERS, put_aside=put_aside)
        try:
            loop.run(consumer.step, port=metrics_port)
        except CannotGoOn as error:
            raise CommandError(f"Stopped: {error}") from error
        finally:
            consumer.close()

    def reprocess(self, topic: str) -> None:
        try:
            handled, invalid = reprocess(topic, HANDLERS)
        except UnknownTopic as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{handled} records handled, {invalid} left out\n")
