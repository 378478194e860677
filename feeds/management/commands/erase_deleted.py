from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.selectors import unerased_ids
from accounts.services import take_up_again
from newsfeed.events import dead_letters
from newsfeed.workers import loop
from posts.services import erase_deleted_texts

SLOW = timedelta(hours=1)
"""An older version has deleted an account that waits longer, or its event was lost."""
PAGE = 1_000


class Command(BaseCommand):
    help = (
        "Starts the erasure of an account again if it has not ended an hour after the deletion; the"
        " consumer completes it. Deletes dead letters in MySQL that are older than 30 days. Run it"
        " daily. With --old-posts it also erases the texts of all posts that an older version"
        " deleted: run that once after the upgrade. SIGTERM finishes the chunk of 1,000 in hand and"
        " exits 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--old-posts", action="store_true", help="also erase texts of posts")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *, old_posts: bool, dry_run: bool, **_: Any) -> None:
        accounts = 0
        pages = unerased_ids(deleted_before=timezone.now() - SLOW, size=PAGE)
        for page in loop.until_stopped(pages):
            if not dry_run:
                take_up_again(page)
            accounts += len(page)
        rows = dead_letters.delete_expired(dry_run=dry_run)
        would = "would be " if dry_run else ""
        self.stdout.write(f"{accounts} erasures {would}begun again\n")
        self.stdout.write(f"{rows} dead letters {would}deleted\n")
        if old_posts and not dry_run:
            erased = sum(loop.until_stopped(erase_deleted_texts(size=PAGE)))
            self.stdout.write(f"{erased} texts of deleted posts erased\n")
