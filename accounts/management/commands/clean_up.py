from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Model
from tqdm import tqdm

from accounts.clean_up import TABLES, count_expired, delete_expired
from newsfeed.workers import loop


class Command(BaseCommand):
    help = (
        "Deletes expired rows of tokens, known addresses and the admin's sessions, in chunks of"
        " 1,000. Run it daily. SIGTERM finishes the chunk in hand and exits 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *, dry_run: bool, no_progress: bool, **_: Any) -> None:
        counts = (
            Counter({table: count_expired(table) for table in TABLES})
            if dry_run
            else self.delete(hidden=no_progress)
        )
        deleted = "would delete" if dry_run else "deleted"
        for table in TABLES:
            self.stdout.write(f"{deleted} {counts[table]} rows of {table._meta.db_table}\n")

    def delete(self, *, hidden: bool) -> Counter[type[Model]]:
        deleted: Counter[type[Model]] = Counter()
        with tqdm(unit="row", disable=hidden or None) as bar:
            for table, count in loop.until_stopped(chunks()):
                deleted[table] += count
                bar.update(count)
        return deleted


def chunks() -> Iterator[tuple[type[Model], int]]:
    """Deletes one after the other."""
    for table in TABLES:
        while count := delete_expired(table):
            yield table, count
