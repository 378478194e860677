import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from tqdm import tqdm

from accounts.selectors import user_ids
from feeds import services, store
from feeds.verification import Finding, Kind, verify
from newsfeed.workers import loop

USERS_PER_PAGE = 100
MAX_SAMPLE = 100_000


class Command(BaseCommand):
    help = (
        "Compares the ready feeds in Redis with MySQL, and names those that differ. Safe at any"
        " time: what differs is looked at again for 1.4 s. Posts that wait in the outbox or in"
        " Kafka for longer count as missing. SIGTERM finishes the page in hand: what is told is of"
        " the feeds looked at by then, and no metrics are written. Exits 1 when feeds differ that"
        " were not repaired, and when Redis does not answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--sample", type=int, default=1_000, metavar="N", help="draw N feeds at random (1000)"
        )
        which.add_argument("--all", action="store_true", help="every user's, lowest id first")
        parser.add_argument("--repair", action="store_true", help="make feeds that differ anew")
        parser.add_argument(
            "--textfile", type=Path, metavar="PATH", help="write metrics for node_exporter here"
        )
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *, sample: int, textfile: Path | None, **options: Any) -> None:
        if not 1 <= sample <= MAX_SAMPLE:
            raise CommandError(f"--sample must be from 1 to {MAX_SAMPLE}.")
        if textfile and not textfile.parent.is_dir():
            raise CommandError(f"There is no folder {textfile.parent}.")
        if textfile and textfile.is_dir():
            raise CommandError(f"{textfile} is a folder; --textfile wants the path of a file.")
        self.counts: Counter[str] = Counter()
        pages = user_ids(size=USERS_PER_PAGE) if options["all"] else _drawn_users(sample)
        work = loop.until_stopped(pages)
        for page in tqdm(work, unit=" pages", disable=options["no_progress"] or None):
            self.verify_page(page, repair=options["repair"])
        is_whole = next(pages, None) is None
        self.report(textfile if is_whole else None)

    def verify_page(self, users: list[int], *, repair: bool) -> None:
        ready, drift = verify(users, store.workers)
        self.counts["ready"] += ready
        for user_id, found in drift.items():
            self.counts["differ"] += 1
            self.counts.update(finding.kind for finding in found)
            self.stdout.write(f"feed of user {user_id}: {_sentence(found)}\n")
            if repair:
                store.workers.invalidate([user_id])
                services.rebuild(user_id, store.workers)
                self.counts["repaired"] += 1

    def report(self, textfile: Path | None) -> None:
        names = ["ready", "differ", "repaired", *Kind]
        self.stdout.writelines(f"{name} {self.counts[name]}\n" for name in names)
        if textfile:
            self.write_metrics(textfile)
        if left := self.counts["differ"] - self.counts["repaired"]:
            raise CommandError(f"{left} feeds differ from MySQL; --repair makes them anew.")

    def write_metrics(self, path: Path) -> None:
        registry = CollectorRegistry()
        feeds = Gauge("feed_verify_feeds", "Feeds looked at.", ["state"], registry=registry)
        for state in ("ready", "differ", "repaired"):
            feeds.labels(state).set(self.counts[state])
        drift = Gauge("feed_verify_drift", "What is wrong in them.", ["kind"], registry=registry)
        for kind in Kind:
            drift.labels(kind).set(self.counts[kind])
        ended = Gauge("feed_verify_timestamp_seconds", "When it ended.", registry=registry)
        ended.set(time.time())
        write_to_textfile(str(path), registry)


def _drawn_users(count: int) -> Iterator[list[int]]:
    seen: set[int] = set()
    for start in range(0, count, USERS_PER_PAGE):
        drawn = store.workers.draw(min(USERS_PER_PAGE, count - start)) - seen
        seen |= drawn
        yield sorted(drawn)


def _sentence(found: set[Finding]) -> str:
    """The kinds with their numbers, and the highest ids as examples.

    >>> _sentence({Finding(Kind.MISSING, str(id_)) for id_ in (9, 8, 10, 7)})
    'missing 4 (10, 9, 8, ...)'
    """
    parts = []
    for kind in Kind:
        members = sorted((f.member for f in found if f.kind == kind), key=_by_number, reverse=True)
        examples = ", ".join([*members[:3], *(["..."] if len(members) > 3 else [])])
        if members:
            parts.append(f"{kind} {len(members)} ({examples})" if examples else str(kind))
    return ", ".join(parts)


def _by_number(member: str) -> tuple[int, str]:
    return len(member), member
