import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Model
from tqdm import tqdm

from accounts.clean_up import TABLES, count_expired, delete_expired


class Command(BaseCommand):
    help = (
        "Deletes the rows of refresh tokens and revoked access tokens that have expired, in chunks"
        " of 1,000. Run it daily. Stopped at any time, it has deleted whole chunks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *, dry_run: bool, no_progress: bool, **_: Any) -> None:
        hidden = no_progress or not sys.stderr.isatty()
        for table in TABLES:
            count = count_expired(table) if dry_run else self.delete(table, hidden=hidden)
            deleted = "would delete" if dry_run else "deleted"
            self.stdout.write(f"{deleted} {count} rows of {table._meta.db_table}\n")

    def delete(self, table: type[Model], *, hidden: bool) -> int:
        deleted = 0
        with tqdm(unit="row", disable=hidden) as bar:
            while count := delete_expired(table):
                deleted += count
                bar.update(count)
        return deleted
