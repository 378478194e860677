import random
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts.models import User
from accounts.services import create_user
from feeds.demo_texts import make_text
from follows.services import follow
from newsfeed.workers import loop
from posts.services import create_post

PASSWORD = "newsfeed-demo"  # noqa: S105 (it is in the README) # nosec B105
T = TypeVar("T")


class Command(BaseCommand):
    help = (
        "Makes demo data through the same services as the API: users alice, bob and others"
        f" (password {PASSWORD}), follows by a power law (few have many followers) and posts in"
        " Korean and English. SIGTERM finishes the row in hand, and what was made stays. Not for"
        " production: everybody knows the password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=int, default=30)
        parser.add_argument("--follows", type=int, default=8, help="on average, per user (8)")
        parser.add_argument("--posts", type=int, default=120, help="in all (120)")
        parser.add_argument("--seed", type=int, default=1, help="same seed, same data (1)")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if there are users")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *, users: int, follows: int, posts: int, **options: Any) -> None:
        if User.objects.exists():
            if options["if_empty"]:
                self.stdout.write("There are users: nothing made.\n")
                return
            raise CommandError("There are users already; demo data goes into an empty database.")
        self.check_numbers(users, follows, posts)
        self.hidden = options["no_progress"] or None
        self.random = random.Random(options["seed"])  # noqa: S311 (the same demo) # nosec B311
        made = Counter(loop.until_stopped(self.make(users, follows, posts)))
        self.stdout.write(f"{made['user']} users, {made['follow']} follows, {made['post']} posts\n")

    def check_numbers(self, users: int, follows: int, posts: int) -> None:
        if users < 2:
            raise CommandError("--users must be at least 2: alice and bob.")
        # Bob may get one more, to follow alice.
        if not 0 <= follows < settings.FOLLOWING_LIMIT:
            limit = settings.FOLLOWING_LIMIT
            raise CommandError(f"--follows must be at least 0 and below FOLLOWING_LIMIT={limit}.")
        if posts < 0:
            raise CommandError("--posts must be at least 0.")

    def make(self, users: int, follows: int, posts: int) -> Iterator[str]:
        """Yields after each row what it is."""
        people = yield from self.make_users(users)
        yield from self.make_follows(people, follows)
        yield from self.make_posts(people, posts)

    def make_users(self, count: int) -> Generator[str, None, list[User]]:
        hashed = make_password(PASSWORD)
        names = ["alice", "bob", *(f"demo_{n}" for n in range(3, count + 1))]
        people = []
        for name in self.bar(names, "user"):
            user = create_user(username=name, password_hash=hashed, display_name=name.title())
            people.append(user)
            yield "user"
        return people

    def make_follows(self, people: list[User], average: int) -> Iterator[str]:
        """Popularity falls with rank as 1/rank, so alice has the most followers."""
        weights = [1 / rank for rank in range(1, len(people) + 1)]
        edges = {(people[1].pk, people[0].pk)}
        for person in people:
            chosen = self.random.choices(people, weights, k=average)
            edges |= {(person.pk, other.pk) for other in chosen if other != person}
        for follower_id, followee_id in self.bar(sorted(edges), "follow"):
            follow(follower_id=follower_id, followee_id=followee_id)
            yield "follow"

    def make_posts(self, people: list[User], count: int) -> Iterator[str]:
        for author in self.bar(self.random.choices(people, k=count), "post"):
            create_post(user_id=author.pk, content=make_text(self.random))
            yield "post"

    def bar(self, items: "Iterable[T]", unit: str) -> "Iterable[T]":
        return tqdm(items, unit=unit, disable=self.hidden)
