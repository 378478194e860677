from collections import defaultdict
from itertools import pairwise
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
    friend, friends = service.add_author(followers=10)
    before = service.topics.ends(FEED)
    seconds, posts, peaks = defaultdict(list), defaultdict(list), []
    for _ in range(ROUNDS):
        for person in (friend, author):
            answer = person.call("POST", "/posts/", {"content": TEXT})
            assert answer.status == 201
            seconds[person].append(answer.seconds)
            posts[person].append(answer.body["id"])
        newest = answer.body["id"]
        wait_until(lambda: service.holds_everywhere(followers, newest), 60, "all hold it")  # noqa: B023
        peaks.append(service.peak_memory("relay") + service.peak_memory("consumer"))

    # The API hands the fan-out over, however long that will take.
    assert min(seconds[author]) < 2 * min(seconds[friend]) + 0.05, seconds
    # The first posts fill buffers and caches; from then on nothing may grow with the posts.
    assert median(later - sooner for sooner, later in pairwise(peaks[1:])) < 2, peaks

    records = service.topics.feed_records(since=before)
    reached = defaultdict(list)
    for record in records:
        reached[record.value["post_id"]].append(record.value["follower_id"])
    # What Kafka acknowledges too late for somebody is published twice.
    assert min(len(reached[post_id]) for post_id in posts[author]) == len(followers)
    assert min(len(reached[post_id]) for post_id in posts[friend]) == len(friends)
    assert all(set(reached[post_id]) == set(followers) for post_id in posts[author])
    assert all(set(reached[post_id]) == set(friends) for post_id in posts[friend])
