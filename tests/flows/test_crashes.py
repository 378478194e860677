import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Event

from dev.control import ROOT
from dev.ports import Ports
from tests.client import Person
from tests.deadline import wait_until
from tests.flows.conftest import Celebrity
from tests.running import Service


def test_a_consumer_killed_amid_10_000_messages_loses_and_doubles_none(
    service: Service, celebrity: Celebrity
) -> None:
    author, followers = celebrity
    pid = service.stack.pid("consumer")
    post_id = author.posts("half of you already have it")
    sample = followers[::100]
    wait_until(lambda: service.feeds_holding(sample, post_id), 10, "the first have it")
    service.stack.signal("consumer", "STOP")  # so that nothing moves while we count
    assert 0 < service.feeds_holding(followers, post_id) < len(followers)

    service.stack.signal("consumer", "KILL")

    # The group waits out the session of the dead member, 6 s.
    wait_until(lambda: service.holds_everywhere(followers, post_id), 20, "the others have it")
    service.wait_for_rest(10)
    assert service.stack.pid("consumer") not in (0, pid)
    for follower in followers[::500]:
        assert service.person(follower).feed_ids() == service.database.feed_of(follower)[:20]


def test_a_consumer_that_is_told_to_stop_hands_over_and_exits_with_0(service: Service) -> None:
    author, followers = service.add_author(followers=100)
    service.warm(followers)
    port = Ports.free().consumer
    log = service.stack.state / "log" / "second-consumer.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "manage.py", "consume_feed", "--metrics-port", str(port)],
            cwd=ROOT,
            env=os.environ | service.stack.env,
            stderr=output,
        ) as second,
    ):
        try:
            wait_until(lambda: _consumes(service, port, author), 20, "the second consumer has work")
            service.wait_for_rest(10)
            second.terminate()
            assert second.wait(10) == 0
            # A member that only vanished would be waited for, 6 s.
            post_id = author.posts("who takes this?")
            wait_until(
                lambda: service.holds_everywhere(followers, post_id), 5, "the first took over"
            )
        finally:
            second.kill()


def _consumes(service: Service, port: int, author: Person) -> bool:
    author.posts("anybody there?")
    try:
        return service.metric(port, "feed_events_consumed_total") > 0
    except OSError:  # not listening yet
        return False


def test_a_relay_killed_amid_10_000_messages_loses_none_and_holds_up_nobody(
    service: Service, celebrity: Celebrity
) -> None:
    author, followers = celebrity
    neighbour, neighbours = service.add_author(followers=300)
    service.warm(neighbours)
    pid = service.stack.pid("relay")
    post_id = author.posts("the relay has sent some of these")
    wait_until(lambda: _stops_amid(service), 10, "the relay is at it")

    service.stack.signal("relay", "KILL")

    wait_until(lambda: service.stack.pid("relay") not in (0, pid), 10, "it is started again")
    other = neighbour.posts("this does not wait for the dead one's lease")
    wait_until(lambda: service.holds_everywhere(neighbours, other), 10, "the neighbours have it")
    assert not service.holds_everywhere(followers, post_id)
    # The dead relay's lease lasts 8 s.
    wait_until(lambda: service.holds_everywhere(followers, post_id), 20, "everybody has it")
    service.wait_for_rest(10)


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
        for _ in range(20):
            if replayed.wait(0.3):
                break
            for pid in _children(service.stack.pid("api")):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: _answers(author), 20, "the API has new workers")
        is_replayed = replayed.is_set()
        replayed.set()
        ids = [id_ for poster in posting for id_ in poster.result(20)]
    assert is_replayed
    rows = service.database.rows("SELECT id FROM posts WHERE user_id = %s", author.id)
    assert sorted(rows) == [(id_,) for id_ in sorted(ids)]
    service.wait_for_rest(40)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _answers(person: Person) -> bool:
    try:
        return person.call("GET", "/users/me/").status == 200
    except (OSError, HTTPException):
        return False
