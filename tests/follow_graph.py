"""Loads a follow graph into the running service, posts, and compares every feed with MySQL.

python -m dev.stack exec --apps -- \\
    python -m tests.follow_graph EDGES.tsv[.gz] [--posts FILE[.gz]] [--count 200]

EDGES has an edge a line, follower TAB followee; FILE has a text a line. Exits 1 if a feed differs.
"""

import argparse
import gzip
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import django
from tqdm import tqdm

if TYPE_CHECKING:
    from tests.running import Service

T = TypeVar("T")
READERS = 6
PAGE = 20
TEXTS = ["점심 뭐 먹지? 🍜", "퇴근길에 노을이 예뻤다", "Reading in the park", "새 자전거 🚲"]


class Walk(NamedTuple):
    """One follower's feed, page by page over HTTP, beside what it should be."""

    follower: int
    pages: list[list[int]]
    truth: list[int]

    @property
    def is_right(self) -> bool:
        """Every page full but the last, and together the truth."""
        shown = [post_id for page in self.pages for post_id in page]
        return shown == self.truth and all(len(page) == PAGE for page in self.pages[:-1])


class FollowGraph:
    def __init__(self, service: "Service", edges: list[tuple[str, str]]) -> None:
        """Loads the graph in bulk, under new users."""
        self._service = service
        names = sorted({name for edge in edges for name in edge})
        ids = dict(zip(names, service.database.add_users(len(names)), strict=True))
        self.edges = {(ids[follower], ids[followee]) for follower, followee in edges}
        service.database.add_follows(sorted(self.edges))
        self.followers = sorted({follower for follower, _ in self.edges})

    def warm_every_other_feed(self) -> None:
        """So that half of the feeds are pushed to, and the other half are built when walked."""
        _in_threads(lambda id_: self._service.person(id_).feed(), self.followers[::2], "warm")

    def post(self, texts: list[str]) -> list[int]:
        """By authors drawn by the number of their followers. Every tenth post is deleted again."""
        popular = Counter(followee for _, followee in self.edges).most_common(len(texts))
        ids, weights = zip(*popular, strict=True)
        dice = random.Random(1)  # noqa: S311 (the same in every run)
        authors = dice.choices(ids, weights, k=len(texts))
        posts = []
        for number, (author_id, text) in enumerate(zip(authors, texts, strict=True)):
            author = self._service.person(author_id)
            posts.append(author.posts(text))
            if number % 10 == 0:
                author.deletes(posts.pop())
        return posts

    def walk_feeds(self) -> list[Walk]:
        return _in_threads(self._walk, self.followers, "walk")

    def _walk(self, follower: int) -> Walk:
        pages = list(self._service.person(follower).feed_pages(PAGE))
        return Walk(follower, pages, self._service.database.feed_of(follower))


def _in_threads(do: Callable[[int], T], ids: list[int], what: str) -> list[T]:
    with ThreadPoolExecutor(READERS) as pool:
        return list(tqdm(pool.map(do, ids), what, total=len(ids), disable=None))


def read_lines(path: Path) -> Iterator[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        yield from (line for text in file if (line := text.strip()))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.follow_graph",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("edges", type=Path)
    parser.add_argument("--posts", type=Path, help="a text a line")
    parser.add_argument("--count", type=int, default=200, help="of posts (200)")
    options = parser.parse_args(arguments)
    edges = [(a, b) for a, b in (line.split("\t") for line in read_lines(options.edges)) if a != b]
    lines = list(read_lines(options.posts)) if options.posts else TEXTS
    texts = [lines[number % len(lines)] for number in range(options.count)]

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")
    django.setup()
    from dev.control import Control  # noqa: PLC0415 (after the set-up, for the models)
    from tests.running import Service  # noqa: PLC0415

    return check(Service(Control.attach()), edges, texts)


def check(service: "Service", edges: list[tuple[str, str]], texts: list[str]) -> int:
    began = time.monotonic()
    graph = FollowGraph(service, edges)
    graph.warm_every_other_feed()
    loaded = time.monotonic()
    graph.post(texts)
    posted = time.monotonic()
    service.wait_for_rest(600)
    rested = time.monotonic()
    walks = graph.walk_feeds()
    walked = time.monotonic()
    wrong = [walk for walk in walks if not walk.is_right]
    for walk in wrong[:5]:
        print(f"feed of {walk.follower}: {walk.pages}, but should be {walk.truth}", file=sys.stderr)
    print(
        f"{len(walks):,} followers, {len(graph.edges):,} edges, loaded in {loaded - began:.0f} s;"
        f" {len(texts):,} posts in {posted - loaded:.1f} s, at rest {rested - posted:.1f} s later;"
        f" {sum(len(walk.pages) for walk in walks):,} pages with"
        f" {sum(len(walk.truth) for walk in walks):,} posts read in {walked - rested:.0f} s:"
        f" {len(wrong)} feeds differ"
    )
    return 1 if wrong or not walks else 0


if __name__ == "__main__":
    sys.exit(main())
