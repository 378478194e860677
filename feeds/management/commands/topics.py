from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsfeed.events import topic_admin

MAX_DAYS = 31


class Command(BaseCommand):
    help = (
        "Housekeeping of the dated Kafka topics, `{name}-{yyyyMMdd}` in the project's time zone."
        " Exits 1 when Kafka does not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        ensure = actions.add_parser(
            "ensure", help="create the topics of today and the days after it, and the dead letters'"
        )
        ensure.add_argument("--days", type=int, default=2, help="how many days, today included (2)")
        actions.add_parser(
            "list", help="each topic with its partitions, records and the group's lag"
        )

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            lines = self.ensure(options["days"]) if action == "ensure" else self.list()
        except topic_admin.BrokerUnavailable as error:
            raise CommandError(f"Kafka does not answer: {error}") from error
        self.stdout.writelines(line + "\n" for line in lines)

    def ensure(self, days: int) -> list[str]:
        if not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--days must be from 1 to {MAX_DAYS}.")
        created = topic_admin.ensure_topics(days)
        return [f"created {name}" for name in created] or ["nothing to create"]

    def list(self) -> list[str]:
        rows = [
            f"{s.name}  {s.partitions}  {s.records}  {s.lag}" for s in topic_admin.topic_states()
        ]
        return ["topic  partitions  records  lag", *rows]
