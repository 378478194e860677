"""What is wrong with the feeds of a service at rest."""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import cast

from kafka import KafkaConsumer

from tests.faults.chaos_world import Ledger
from tests.running import Service
from tests.topics import DEAD_LETTERS, Offsets

PAGE = 100
WALKERS = 4
SENTINEL = b"~"


@dataclass
class Findings:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    ghosts: list[str] = field(default_factory=list)
    ready: int = 0
    """How many of the feeds were ready in Redis."""

    def all(self) -> list[str]:
        return self.lost + self.doubled + self.misordered + self.ghosts


def check_walks(
    service: Service, readers: Iterable[int], found: Findings, pages: int | None = None
) -> None:
    """The first pages, or every page to the end, over HTTP, against MySQL."""
    with ThreadPoolExecutor(WALKERS) as pool:
        for _ in pool.map(lambda reader: _check_walk(service, reader, found, pages), readers):
            pass


def _check_walk(service: Service, reader: int, found: Findings, count: int | None) -> None:
    truth = service.database.feed_of(reader)[: count and count * PAGE]
    pages = list(islice(service.person(reader).feed_pages(PAGE), count))
    shown = [post_id for page in pages for post_id in page]
    if missing := set(truth) - set(shown):
        found.lost.append(f"{reader} is not shown {sorted(missing)}")
    if extra := set(shown) - set(truth):
        found.ghosts.append(f"{reader} is shown {sorted(extra)}")
    if len(shown) > len(set(shown)):
        found.doubled.append(f"{reader} is shown twice some of {shown}")
    if shown != sorted(shown, reverse=True) or any(len(page) < PAGE for page in pages[:-1]):
        found.misordered.append(f"{reader} is shown {pages}")


def check_redis(service: Service, readers: Iterable[int], found: Findings) -> None:
    """What a ready feed holds above its floor, against MySQL."""
    for reader in readers:
        entries = service.redis.zrange(f"feed:{reader}", 0, -1, withscores=True)
        scores = dict(cast("list[tuple[bytes, float]]", entries))
        floor = scores.pop(SENTINEL, -1)
        if floor < 0:
            continue
        found.ready += 1
        if wrong := [member for member, score in scores.items() if member != b"%d" % score]:
            found.doubled.append(f"feed:{reader} holds {wrong} beside their ids")
        truth = service.database.feed_of(reader)
        missing = [id_ for id_ in truth if id_ > floor and b"%d" % id_ not in scores]
        if missing:
            found.lost.append(f"feed:{reader} (floor {floor:.0f}) lacks {missing}")


def check_posts(service: Service, authors: list[int], ledger: Ledger, found: Findings) -> None:
    """Answered with 201: there once, under its id. Not answered: there once or not at all."""
    ids: defaultdict[str, list[int]] = defaultdict(list)
    erased = set()
    sql = "SELECT id, content, deleted_at FROM posts WHERE user_id BETWEEN %s AND %s"
    for id_, content, deleted_at in service.database.rows(sql, min(authors), max(authors)):
        if deleted_at and not content:
            erased.add(id_)
        else:
            ids[content].append(id_)
    for content, post_id in ledger.posts.items():
        if post_id and post_id not in ids[content] and post_id not in erased:
            found.lost.append(f"POST answered 201 with {post_id}; {ids[content]} is {content}")
        if len(ids[content]) > 1:
            found.doubled.append(f"{content} was posted once, but is {ids[content]}")
    if strange := set(ids) - set(ledger.posts):
        found.ghosts.append(f"nobody posted {strange}")


def check_dead_letters(service: Service, ledger: Ledger, since: Offsets, found: Findings) -> int:
    """Every poisoned record, and no other, is a dead letter. Returns how many are there twice."""
    values = dead_letters(service, since)
    if missing := ledger.poison - set(values):
        found.lost.append(f"poisoned, but no dead letters: {sorted(missing)[:5]} ({len(missing)})")
    if extra := set(values) - ledger.poison:
        found.ghosts.append(f"dead letters, but not poisoned: {sorted(extra)[:5]} ({len(extra)})")
    return len(values) - len(set(values))


def dead_letters(service: Service, since: Offsets) -> list[bytes]:
    values: list[bytes] = []
    ends = service.topics.ends(DEAD_LETTERS)
    servers = service.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
    with closing(KafkaConsumer(bootstrap_servers=servers)) as kafka:
        kafka.assign(list(ends))
        for partition in ends:
            kafka.seek(partition, since.get(partition, 0))
        while any(kafka.position(partition) < end for partition, end in ends.items()):
            for batch in kafka.poll(timeout_ms=500).values():
                values += [record.value for record in batch]
    return values
