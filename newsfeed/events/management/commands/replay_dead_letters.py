from collections.abc import Iterable
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from newsfeed.events import replay
from newsfeed.events.replay import Waiting
from newsfeed.kafka.topics import Topic
from newsfeed.workers import loop


class Command(BaseCommand):
    help = (
        "Applies the records that were put aside, from the dead letter topics and from MySQL, each"
        " once. What fails again is put aside again, with one attempt more. Run one at a time."
        " SIGTERM finishes the letter in hand. Exits 0 when all that it took were applied, and 1"
        " when some failed again or when Kafka, Redis or MySQL does not answer; what is done by"
        " then stays done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--topic", choices=[*Topic], help="only these (default: all)")
        parser.add_argument("--limit", type=int, metavar="N", help="at most N (default: all)")
        parser.add_argument("--dry-run", action="store_true", help="only list them")

    def handle(self, *, topic: str | None, limit: int | None, dry_run: bool, **_: Any) -> None:
        if limit is not None and limit < 1:
            raise CommandError("--limit must be 1 or more.")
        topics = [Topic(topic)] if topic else [*Topic]
        letters = loop.until_stopped(islice(replay.waiting(topics), limit))
        if dry_run:
            self.list(letters)
        else:
            self.replay(letters)

    def list(self, letters: Iterable[Waiting]) -> None:
        count = 0
        for letter, _ in letters:
            count += 1
            consumer = letter.group or "-"
            self.stdout.write(f"{letter}  {consumer}  attempts {letter.attempts}  {letter.error}\n")
        self.stdout.write(f"{count} to replay\n")

    def replay(self, letters: Iterable[Waiting]) -> None:
        replayed = failed = 0
        try:
            for letter, settle in tqdm(letters, unit="letter", disable=None):
                applied = replay.apply_again(letter)
                settle()
                replayed += applied
                failed += not applied
        finally:
            self.stdout.write(f"replayed {replayed}, failed {failed}\n")
        if failed:
            raise CommandError(f"{failed} failed again; --dry-run lists them.")
