from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts.models import User
from accounts.selectors import user_ids
from feeds import services, store
from newsfeed.workers import loop

PAGE = 1_000


class Command(BaseCommand):
    help = (
        "Makes feeds anew from MySQL. Safe at any time: posts that arrive meanwhile are kept, and a"
        " reader is served from MySQL until his feed is ready. SIGTERM finishes the feed in hand,"
        " tells whose it was, and exits 0. Exits 1 when Redis does not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", type=int, action="append", metavar="ID", help="may be repeated")
        who.add_argument("--all", action="store_true", help="every user, lowest id first")
        parser.add_argument(
            "--after", type=int, default=0, metavar="ID", help="with --all: go on after this user"
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell how many it were")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *, user: list[int] | None, after: int, **options: Any) -> None:
        if user:
            self.refuse_wrong(user, after)
        total = len(user) if user else None
        # In pages: the driver would hold the ids of all users at once.
        everybody = chain.from_iterable(user_ids(size=PAGE, after=after))
        chosen, rebuilt = iter(user or everybody), 0
        work = loop.until_stopped(chosen)
        for user_id in tqdm(work, total=total, unit="feed", disable=options["no_progress"] or None):
            rebuilt += options["dry_run"] or self.rebuild(user_id)
        would_be = "would be " if options["dry_run"] else ""
        self.stdout.write(f"{rebuilt} feeds {would_be}rebuilt\n")
        if next(chosen, None):
            self.stdout.write(f"stopped after user {user_id}\n")

    def refuse_wrong(self, chosen: list[int], after: int) -> None:
        if after:
            raise CommandError("--after goes with --all.")
        found = User.objects.filter(pk__in=chosen).values_list("pk", flat=True)
        if unknown := sorted(set(chosen) - set(found)):
            raise CommandError(f"There is no user {', '.join(map(str, unknown))}.")

    def rebuild(self, user_id: int) -> bool:
        try:
            store.workers.invalidate([user_id])
            return services.rebuild(user_id, store.workers) is not None
        except store.StoreUnavailable as error:
            raise CommandError(f"Redis does not answer, at user {user_id}: {error}") from error
