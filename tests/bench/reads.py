"""(c) CPU per GET feed/ of 20 posts, against a trivial Django view under the same gunicorn."""

from statistics import median

from accounts.models import User
from dev.control import Control
from follows.models import Follow
from posts.models import Post
from tests.bench import cpu
from tests.bench.api import Api
from tests.bench.people import make_author, token

FOLLOWS = 50
REQUESTS = 1_000


def run(rounds: int) -> list[str]:
    reader = make_reader()
    pids = {"api": Control.attach().pid("api")}
    feed, trivial = [], []
    for _ in range(rounds + 1):
        feed.append(microseconds(Api(token(reader)), "/api/v1/feed/", pids))
        trivial.append(microseconds(Api(), "/ping", pids))
    feed, trivial = feed[1:], trivial[1:]
    ratios = [f / t for f, t in zip(feed, trivial, strict=True)]
    return [
        f"(c) CPU per request, {rounds} rounds of {REQUESTS:,}:",
        f"    GET feed/ {median(feed):,.0f} us, trivial view {median(trivial):,.0f} us",
        f"    ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), aim 3.0 or less",
    ]


def make_reader() -> User:
    """Follows some people who have written enough for a first page."""
    reader, authors = make_author("reader", FOLLOWS)
    Follow.objects.bulk_create([Follow(follower=reader, followee_id=a) for a in authors])
    Post.objects.bulk_create(
        [Post(user_id=a, content="잘 지내? " * 10) for a in authors for _ in "12"]
    )
    return reader


def microseconds(api: Api, path: str, pids: dict[str, int]) -> float:
    with cpu.spent(pids) as used:
        for _ in range(REQUESTS):
            api.get(path)
    return used["api"] / REQUESTS * 1e6
