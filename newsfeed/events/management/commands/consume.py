from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsfeed.events.consumer import Consumer
from newsfeed.events.groups import Group, UnknownGroup, get_group_or_raise
from newsfeed.events.reprocessing import UnknownTopic, reprocess
from newsfeed.exceptions import CannotGoOn
from newsfeed.workers import loop


class Command(BaseCommand):
    help = (
        "Runs consumers, each a Kafka group that reads the dated topics. Several in one process"
        " have a thread each. Run as many processes as you like, up to the number of partitions."
        " SIGTERM finishes the batch, leaves the group and exits 0; any other exit code is a"
        " failure after which it wants to be started again. It exits 1, with one line, at too"
        " many dead letters or when it no longer gets records. When it was the records, and not"
        " what was deployed, one more with --put-aside, ended by SIGTERM, makes dead letters of"
        " them however many there are. With --topic NAME --from-beginning --once, which go"
        " together, it applies one day's topic again, up to where it ends now, tells how many"
        " records that were and exits 0; 1 when something is away. It commits nothing, changes"
        " nothing that is right already, and may be run again at any time, beside the other"
        " consumers; SIGTERM finishes the batch here too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help="a consumer")
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
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
        groups = self.groups(topic, options)
        if topic is not None or options["from_beginning"] or options["once"]:
            if not (topic and options["from_beginning"] and options["once"]):
                raise CommandError("--topic, --from-beginning and --once go together.")
            if metrics_port or options["put_aside"]:
                raise CommandError("--metrics-port and --put-aside do not go with --once.")
            self.reprocess(groups, topic)
        else:
            self.consume(groups, metrics_port, put_aside=options["put_aside"])

    def groups(self, topic: str | None, options: dict[str, Any]) -> Sequence[Group]:
        try:
            return [get_group_or_raise(name) for name in dict.fromkeys(options["names"])]
        except UnknownGroup as error:
            raise CommandError(str(error)) from error

    def consume(self, groups: Sequence[Group], metrics_port: int, *, put_aside: bool) -> None:
        consumers = [Consumer(group, put_aside=put_aside) for group in groups]
        try:
            loop.run(*(consumer.step for consumer in consumers), port=metrics_port)
        except CannotGoOn as error:
            raise CommandError(f"Stopped: {error}") from error
        finally:
            for consumer in consumers:
                consumer.close()

    def reprocess(self, groups: Sequence[Group], topic: str) -> None:
        try:
            handled, skipped, invalid = reprocess(topic, groups)
        except UnknownTopic as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{handled} records handled, {skipped} skipped, {invalid} left out\n")
