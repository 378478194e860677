from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from accounts.keys import rotate


class Command(BaseCommand):
    help = (
        "Makes a new key to sign tokens with when the old one has been in use for"
        " JWT_KEY_LIFETIME_DAYS. The old one still verifies for JWT_KEY_GRACE_DAYS, and is then"
        " removed. Run it daily; running it twice does no harm. Processes of the API notice within"
        f" {settings.TIME_LIMITS.signing_keys:.0f} seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="though the old one is not due")
        parser.add_argument(
            "--compromised",
            action="store_true",
            help="somebody knows the keys: make a new one and remove all others at once."
            " Everybody has to log in again",
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")

    def handle(self, *, dry_run: bool, force: bool, compromised: bool, **_: Any) -> None:
        rotation = rotate(force=force, compromised=compromised, dry_run=dry_run)
        would = "would " if dry_run else ""
        if rotation.created:
            # A kid that was rolled back names nothing.
            self.stdout.write(f"{would}sign with {'a new key' if dry_run else rotation.created}\n")
        for kid in rotation.removed:
            self.stdout.write(f"{would}remove {kid}\n")
        if not rotation.created and not rotation.removed:
            self.stdout.write("nothing is due\n")
