from collections import Counter, defaultdict
from statistics import median

from tests.deadline import wait_until
from tests.flows.conftest import Celebrity
from tests.running import Service
from tests.topics import FEED

ROUNDS = 6
TEXT = "안녕하세요 👋 " * 10


def test_10_000_followers_cost_the_author_nothing_and_all_get_the_post(
    service: Service, celebrity: Celebrity
) -> None:
    author, followers = celebrity
    friend, _ = service.add_author(followers=10)
    before = service.topics.ends(FEED)
    seconds, posts, peaks = defaultdict(list), defaultdict(list), []
    for _ in range(ROUNDS):
        for person in (friend, author):
            answer = person.call("POST", "/posts/", {"content": TEXT})
            assert answer.status == 201
            seconds[person].append(answer.seconds)
            posts[person].append(answer.body["id"])
        newest = answer.body["id"]
        wait_until(lambda: service.holds_everywhere(followers, newest), 20, "all hold it")  # noqa: B023
        peaks.append(service.peak_memory("relay") + service.peak_memory("consumer"))

    # The API hands the fan-out over, however long that will take.
    assert median(seconds[author]) < 2 * median(seconds[friend]) + 0.05, seconds
    # The first posts fill buffers and caches; from then on nothing may grow with the posts.
    assert peaks[-1] - peaks[1] < 8, peaks

    records = service.topics.feed_records(since=before)
    counts = Counter(record.value["post_id"] for record in records)
    assert [counts[post_id] for post_id in posts[author]] == [10_000] * ROUNDS
    assert [counts[post_id] for post_id in posts[friend]] == [10] * ROUNDS
    reached = {r.value["follower_id"] for r in records if r.value["post_id"] == newest}
    assert reached == set(followers)
