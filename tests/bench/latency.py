"""(b) From sending the POST until a follower's GET feed/ shows the post, at five posts a second."""

import time
from itertools import cycle
from statistics import median, quantiles

from accounts.models import User
from tests.bench.api import Api
from tests.bench.people import make_author, token

FOLLOWERS = 100
EVERY_SECONDS = 0.2


def run(posts: int) -> list[str]:
    author, followers = make_author("liked", FOLLOWERS)
    writer = Api(token(author))
    readers = [Api(token(user)) for user in User.objects.filter(pk__in=followers)]
    for reader in readers:
        reader.get("/api/v1/feed/")  # warms the feed
    times = []
    for _, reader in zip(range(posts + 5), cycle(readers), strict=False):
        times.append(post_and_see(writer, reader))
        time.sleep(EVERY_SECONDS)
    times = [ms * 1000 for ms in times[5:]]
    p99 = quantiles(times, n=100)[98]
    return [
        f"(b) post to visible in a follower's feed, {FOLLOWERS} followers, {posts} posts:",
        f"    p50 {median(times):.0f}, p99 {p99:.0f}, max {max(times):.0f} ms; aim p99 <= 100 ms",
    ]


def post_and_see(writer: Api, reader: Api) -> float:
    started = time.perf_counter()
    post = writer.post("/api/v1/posts/", {"content": "지금 막 ☕"})
    while True:
        results = reader.get("/api/v1/feed/?limit=1")["results"]
        if results and results[0]["id"] == post["id"]:
            return time.perf_counter() - started
        if time.perf_counter() - started > 10:
            raise TimeoutError(f"post {post['id']} was not seen within 10 s")
