from functools import cached_property
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsfeed.events import groups
from newsfeed.kafka import topic_admin
from newsfeed.kafka.pruning import prune_topics
from newsfeed.kafka.topics import Topic, parse

MAX_DAYS = 31
MAX_AGE_DAYS = 3_650


class Command(BaseCommand):
    help = (
        "Housekeeping of the dated Kafka topics, `{name}-{yyyyMMdd}` in the project's time zone."
        " Exits 0 also when `prune` had to keep topics, which it tells with who has how many"
        " records to read; 1 when Kafka does not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        ensure = actions.add_parser(
            "ensure",
            help="create today's and the next days' topics, the dead letters' and audit.log",
        )
        ensure.add_argument("--days", type=int, default=2, help="how many days, today included (2)")
        actions.add_parser(
            "list", help="each topic with its partitions, records, and its consumers' lag"
        )

        prune = actions.add_parser(
            "prune",
            help="delete old topics that every consumer group which ever committed there, and this"
            " installation's in any case, has read to the end; what has no day stays",
        )
        prune.add_argument(
            "--days", type=int, default=7, help="delete what is dated more days ago than this (7)"
        )
        prune.add_argument("--dry-run", action="store_true", help="only tell what would be deleted")

    def handle(self, *, action: str, **options: Any) -> None:
        run = {"ensure": self.ensure, "list": self.list, "prune": self.prune}[action]
        self.stdout.writelines(line + "\n" for line in run(options))

    def ensure(self, options: dict[str, Any]) -> list[str]:
        created = topic_admin.ensure_topics(self.days(options, MAX_DAYS))
        return [f"created {name}" for name in created] or ["nothing to create"]

    def prune(self, options: dict[str, Any]) -> list[str]:
        days, dry_run = self.days(options, MAX_AGE_DAYS), options["dry_run"]
        deleted = "would delete" if dry_run else "deleted"
        lines = []
        reading = {topic: [group.id for group in groups.readers(topic)] for topic in Topic}
        for name, unread_by in prune_topics(days, reading, dry_run=dry_run).items():
            unread = ", ".join(f"{group} ({left})" for group, left in unread_by.items())
            lines.append(f"kept {name}: unread by {unread}" if unread else f"{deleted} {name}")
        return lines or ["nothing to prune"]

    def days(self, options: dict[str, Any], most: int) -> int:
        days: int = options["days"]
        if not 1 <= days <= most:
            raise CommandError(f"--days must be from 1 to {most}.")
        return days

    def list(self, _: dict[str, Any]) -> list[str]:
        rows = [
            f"{state.name}  {state.partitions}  {state.records}  {self.lags(state.name) or '-'}"
            for state in topic_admin.topic_states()
        ]
        return ["topic  partitions  records  lag", *rows]

    def lags(self, name: str) -> str:
        """Of each consumer that reads the topic."""
        parsed = parse(name)
        reading = groups.readers(parsed[0]) if parsed else []
        return ", ".join(f"{group.name} {self.unread[group.id][name]}" for group in reading)

    @cached_property
    def unread(self) -> dict[str, dict[str, int]]:
        """{group: {topic: records}}"""
        return {
            group.id: {state.name: state.lag for state in topic_admin.topic_states(group.id)}
            for group in groups.groups()
        }
