import os
import signal
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Event

from dev.ports import Ports
from tests.client import Person
from tests.deadline import wait_until
from tests.flows.conftest import Celebrity
from tests.processes import another_worker
from tests.running import Service

TRIES = 5


def test_a_consumer_killed_amid_10_000_messages_loses_and_doubles_none(
    service: Service, celebrity: Celebrity
) -> None:
    author, followers = celebrity
    pid = service.stack.pid("consumer")
    post_id = next(
        post_id
        for post_id in (author.posts("half of you already have it") for _ in range(TRIES))
        if _stops_consumer_amid(service, followers, post_id)
    )

    service.stack.signal("consumer", "KILL")

    # The group waits out the session of the dead member, 6 s.
    wait_until(lambda: service.holds_everywhere(followers, post_id), 60, "the others have it")
    service.wait_for_rest()
    assert service.stack.pid("consumer") not in (0, pid)
    for follower in followers[::500]:
        assert service.person(follower).feed_ids() == service.database.feed_of(follower)[:20]


def _stops_consumer_amid(service: Service, followers: list[int], post_id: int) -> bool:
    """Unless it was done with the post before we came to it."""
    sample = followers[::100]
    wait_until(lambda: service.feeds_holding(sample, post_id), 60, "the first have it")
    service.stack.signal("consumer", "STOP")  # so that nothing moves while we count
    is_amid = service.feeds_holding(followers, post_id) < len(followers)
    if not is_amid:
        service.stack.signal("consumer", "CONT")
    return is_amid


def test_a_consumer_that_is_told_to_stop_hands_over_and_exits_with_0(service: Service) -> None:
    author, followers = service.add_author(followers=100)
    service.warm(followers)
    port = Ports.free().consumer
    with another_worker(service.stack, "consume_feed", "--metrics-port", str(port)) as second:
        wait_until(lambda: _consumes(service, port, author), 60, "the second consumer has work")
        service.wait_for_rest()
        assert second.end() == 0
        assert service.topics.members() == 1
        post_id = author.posts("who takes this?")
        wait_until(lambda: service.holds_everywhere(followers, post_id), 60, "the first took over")


def _consumes(service: Service, port: int, author: Person) -> bool:
    author.posts("anybody there?")
    try:
        return service.metric(port, "feed_events_consumed_total") > 0
    except OSError:  # not listening yet
        return False


def test_a_relay_killed_amid_10_000_messages_loses_none_and_holds_up_nobody(
    service: Service, celebrity: Celebrity
) -> None:
    neighbour = service.add_author(followers=300)
    service.warm(neighbour[1])
    # The dead relay's lease lasts 8 s, and on a slow machine another one may need them to start.
    assert any(_neighbours_come_first(service, celebrity, *neighbour) for _ in range(TRIES))


def _neighbours_come_first(
    service: Service, celebrity: Celebrity, neighbour: Person, neighbours: list[int]
) -> bool:
    """Or not; in the end, everybody has what the relay that is killed left."""
    author, followers = celebrity
    pid, posts = service.stack.pid("relay"), list[int]()

    def is_stopped_amid() -> bool:
        if not service.database.outbox_length():  # it was done before we came to it
            posts.append(author.posts("the relay has sent some of these"))
        return _stops_amid(service)

    wait_until(is_stopped_amid, 60, "the relay is at it")
    service.stack.signal("relay", "KILL")
    wait_until(lambda: service.stack.pid("relay") not in (0, pid), 60, "it is started again")
    other = neighbour.posts("this does not wait for the dead one's lease")
    wait_until(lambda: service.holds_everywhere(neighbours, other), 60, "the neighbours have it")
    are_first = not service.holds_everywhere(followers, posts[-1])
    for post_id in posts:
        wait_until(lambda: service.holds_everywhere(followers, post_id), 60, "everybody has it")  # noqa: B023
    service.wait_for_rest()
    return are_first


def _stops_amid(service: Service) -> bool:
    """Stops the relay if it holds an outbox row and has published a part of its records."""
    service.stack.signal("relay", "STOP")
    leased = service.database.rows(
        "SELECT 1 FROM events_outboxevent WHERE published_to > 0 AND claimed_by <> ''"
        " AND claimed_until > UTC_TIMESTAMP(6) + INTERVAL 6 SECOND"
    )
    if not leased:
        service.stack.signal("relay", "CONT")
    return bool(leased)


def test_a_post_that_was_made_but_not_answered_is_not_made_again(service: Service) -> None:
    author, _ = service.add_author(followers=100)  # publishing to them takes time after the commit
    replayed = Event()

    def post_on(poster: int) -> list[int]:
        """The ids of what was posted until one was answered late."""
        ids: list[int] = []
        while not replayed.is_set():
            answer = author.posts_once("once", key=f"{poster}-{len(ids)}")
            ids.append(answer.body["id"])
            if answer.headers["Idempotency-Replayed"]:
                replayed.set()
        return ids

    with ThreadPoolExecutor(4) as threads:
        posting = [threads.submit(post_on, poster) for poster in range(4)]
        for _ in range(60):
            if replayed.wait(0.3):
                break
            for pid in _children(service.stack.pid("api")):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: _answers(author), 60, "the API has new workers")
        is_replayed = replayed.is_set()
        replayed.set()
        ids = [id_ for poster in posting for id_ in poster.result(60)]
    assert is_replayed
    rows = service.database.rows("SELECT id FROM posts WHERE user_id = %s", author.id)
    assert sorted(rows) == [(id_,) for id_ in sorted(ids)]
    service.wait_for_rest()


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _answers(person: Person) -> bool:
    try:
        return person.call("GET", "/users/me/").status == 200
    except (OSError, HTTPException):
        return False
