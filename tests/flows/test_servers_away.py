import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from statistics import median
from threading import Event

import pytest

from dev.control import APPS
from tests.client import Answer, Person
from tests.deadline import wait_until
from tests.running import Service
from tests.stalls import stalls_noted


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_posting_needs_no_broker_and_feeds_complete_when_it_is_back(
    service: Service, away: Callable[[str, str], ExitStack], how: str
) -> None:
    author, followers = service.add_author(followers=50)
    service.warm(followers)
    consumer, dead = service.stack.pid("consumer"), service.dead_letters()
    usual = median(_post(author).seconds for _ in range(5))
    with away("kafka", how):
        answers, latest = _ask([lambda: _post(author)] * 21)
        assert [answer.status for answer in answers] == [201] * 21
        # 0.3 s on an idle machine, where the usual is next to nothing.
        assert latest < 0.3 + 4 * usual
        assert service.database.outbox_length() >= 21
        time.sleep(2)  # so that the consumer's next heartbeat is due
        # Nobody asks for anything: who waits for the broker must not do so in a busy loop.
        assert any(_cpu_of_two_seconds(service) < 1 for _ in range(3))
    service.wait_for_rest(180)
    for answer in answers:
        assert service.holds_everywhere(followers, answer.body["id"])
    assert (service.stack.pid("consumer"), service.dead_letters()) == (consumer, dead)


def _ask(requests: list[Callable[[], Answer]]) -> tuple[list[Answer], float]:
    """The answers, and how many seconds the third-latest took, while the machine did not stall.

    Each process waits for three, until its breaker opens.
    """
    began = time.monotonic()
    with stalls_noted() as stalls:
        answers = [request() for request in requests]
    stalled = stalls.between(began, time.monotonic())
    return answers, sorted(answer.seconds for answer in answers)[-3] - stalled


def _cpu_of_two_seconds(service: Service) -> float:
    used = sum(map(service.cpu_seconds, APPS))
    time.sleep(2)
    return sum(map(service.cpu_seconds, APPS)) - used


def _post(author: Person) -> Answer:
    return author.call("POST", "/posts/", {"content": "anybody there?"})


def _read(person: Person) -> Answer:
    return person.call("GET", "/feed/")


@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_feeds_are_read_without_redis_and_nothing_is_lost(
    service: Service, away: Callable[[str, str], ExitStack], how: str
) -> None:
    author, (leaver_id, *followers) = service.add_author(followers=50)
    leaver, comer = service.person(leaver_id), service.add_author(followers=0)[0]
    service.warm([leaver_id, *followers, comer.id])
    usual = median(_read(leaver).seconds for _ in range(5))
    consumer, dead = service.stack.pid("consumer"), service.dead_letters()
    port = service.stack.ports.consumer
    with away("redis", how):
        posts = [author.posts(f"{n}") for n in range(5)][::-1]
        answers, latest = _ask([partial(_read, service.person(id_)) for id_ in followers[:10]])
        assert all([p["id"] for p in answer.body["results"]] == posts for answer in answers)
        assert latest < 1 + 4 * usual
        leaver.unfollows(author)
        comer.follows(author)
        assert (leaver.feed_ids(), comer.feed_ids()) == ([], posts)
        wait_until(lambda: service.metric(port, "feed_consumer_held"), 60, "the consumer holds")
        assert service.unfinished()
    service.wait_for_rest()
    assert service.metric(port, "feed_consumer_held") == 0
    if how == "frozen":  # a Redis that was stopped comes back empty
        assert all(service.holds_everywhere(followers, post_id) for post_id in posts)
    for follower in [*followers, comer.id]:
        assert service.person(follower).feed_ids() == posts
    assert leaver.feed_ids() == []
    assert (service.stack.pid("consumer"), service.dead_letters()) == (consumer, dead)


@pytest.fixture
def mysql_away(
    service: Service, away: Callable[[str, str], ExitStack]
) -> Callable[[str], ExitStack]:
    """Takes MariaDB away, stopped or frozen; leaving the block brings it back."""
    if not service.stack.pid("mariadb"):
        pytest.skip("this MySQL is not ours to stop")
    return partial(away, "mariadb")


def test_without_mysql_all_is_unavailable_and_when_it_is_back_all_works(
    service: Service, mysql_away: Callable[[str], ExitStack]
) -> None:
    author, followers = service.add_author(followers=20)
    reader = service.person(followers[0])
    service.warm(followers)
    earlier = author.posts("before")
    api, dead = service.stack.pid("api"), service.dead_letters()
    with mysql_away("stopped"):
        for _ in range(10):  # so that every thread of the API is asked
            _assert_unavailable(reader.call("GET", "/feed/"))
            _assert_unavailable(reader.call("DELETE", f"/users/{author.id}/follow/"))
            _assert_unavailable(reader.call("GET", f"/posts/{earlier}/"))
            _assert_unavailable(_post(author))
    later = author.posts("after")
    wait_until(lambda: service.holds_everywhere(followers, later), 60, "it is in every feed")
    service.wait_for_rest()
    for follower in followers:
        assert service.person(follower).feed_ids() == [later, earlier]
    assert (service.stack.pid("api"), service.dead_letters()) == (api, dead)


def _assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"


def test_a_mysql_that_hangs_does_not_hang_the_api(
    service: Service, mysql_away: Callable[[str], ExitStack]
) -> None:
    author, _ = service.add_author(followers=0)

    def read_at_once(requests: int) -> list[Answer]:
        with ThreadPoolExecutor(requests) as threads:
            path = f"/users/{author.id}/"
            return list(threads.map(lambda _: author.call("GET", path), range(requests)))

    assert {answer.status for answer in read_at_once(12)} == {200}  # all threads are connected
    with mysql_away("frozen"):
        for answer in read_at_once(4):  # four seconds for the connection, three for a new one
            _assert_unavailable(answer)
    assert {answer.status for answer in read_at_once(12)} == {200}


def test_posts_that_are_sent_until_they_are_answered_are_made_once(
    service: Service, mysql_away: Callable[[str], ExitStack]
) -> None:
    author, _ = service.add_author(followers=0)
    enough = Event()

    def post_on() -> list[int]:
        """The ids of what was posted until there was enough."""
        ids: list[int] = []
        while not enough.is_set():
            number = str(len(ids))
            ids.append(author.posts_once(number, key=number).body["id"])
        return ids

    with ThreadPoolExecutor(1) as threads:
        posting = threads.submit(post_on)
        for _ in range(3):
            with mysql_away("stopped"):
                _assert_unavailable(author.call("GET", "/feed/"))
        enough.set()
        ids = posting.result(60)
    rows = service.database.rows("SELECT id, content FROM posts WHERE user_id = %s", author.id)
    assert sorted(rows) == [(id_, f"{number}") for number, id_ in enumerate(ids)]
