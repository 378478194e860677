"""Tier B: whatever instruction a process dies at, the feeds complete themselves."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest

from dev.control import ROOT
from tests.client import Person
from tests.deadline import wait_until
from tests.running import Service

PROGRAMS = {
    "api": ["gunicorn"],
    "relay": ["manage.py", "relay_outbox"],
    "consumer": ["manage.py", "consume", "feed", "visibility"],
}
POINTS = {
    "api": [
        "before:newsfeed.events.recording:record",
        "after:newsfeed.events.recording:record",
        "before:newsfeed.events.relay:publish_inline",
        "after:newsfeed.events.relay:publish_inline",
        "before:newsfeed.kafka.producer:send",
        "after:newsfeed.kafka.producer:send",
        "after:newsfeed.kafka.producer:Delivery.wait",
        "before:newsfeed.events.outbox:hand_over",
        "after:newsfeed.events.outbox:hand_over",
        "after:newsfeed.events.outbox:published",
        "before:feeds.store:FeedStore.invalidate",
        "after:feeds.store:FeedStore.invalidate",
    ],
    "relay": [
        "before:newsfeed.events.outbox:claim",
        "before:newsfeed.events.outbox:event_of",
        "before:newsfeed.kafka.producer:send",
        "after:newsfeed.kafka.producer:send",
        "after:newsfeed.kafka.producer:flush",
        "after:newsfeed.kafka.producer:Delivery.wait",
        "before:newsfeed.events.outbox:published_up_to",
        "after:newsfeed.events.outbox:published_up_to",
        "before:newsfeed.events.outbox:published",
        "after:newsfeed.events.outbox:published",
    ],
    "consumer": [
        "after:newsfeed.events.consumer:Consumer._poll",
        "before:feeds.store:FeedStore.push",
        "after:feeds.store:FeedStore.push",
        "before:newsfeed.events.consumer:Consumer._commit",
        "after:newsfeed.events.consumer:Consumer._commit",
        "before:feeds.store:FeedStore.invalidate",
        "after:feeds.store:FeedStore.begin",
        "before:feeds.store:FeedStore.finish",
        "after:feeds.store:FeedStore.finish",
    ],
}
CASES = [(name, point, hit) for name in POINTS for point in POINTS[name] for hit in (1, 2)]


class Town(NamedTuple):
    """Two authors, and who follows them; `fan` does and undoes it."""

    liked: Person
    famous: Person
    fan: Person
    followers: list[int]


@pytest.fixture(scope="module")
def town(service: Service) -> Town:
    liked, followers = service.add_author(followers=10)
    famous, crowd = service.add_author(followers=2_100)
    fan, _ = service.add_author(followers=0)
    return Town(liked, famous, fan, [*followers, *crowd, fan.id])


@pytest.fixture
def crashing(service: Service, tmp_path: Path) -> Iterator[Callable[[str, str, int], Path]]:
    """Puts a program that will die in the place of one; returns the file it leaves at its death."""
    started: list[tuple[str, subprocess.Popen[bytes]]] = []
    marker = tmp_path / "died"

    def put(name: str, point: str, hit: int) -> Path:
        command = [sys.executable, "-m", "tests.faults.crashing", point, str(hit), str(marker)]
        service.stack.stop_program(name)
        with (service.stack.state / "log" / "crashing.log").open("ab") as log:
            env = os.environ | service.stack.env
            command += PROGRAMS[name]
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        started.append((name, process))
        if name == "api":
            service.stack.wait_ready("api")
        return marker

    yield put
    for name, process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if not service.stack.pid(name):
            service.stack.start(name)
        service.stack.wait_ready(name)


@pytest.mark.parametrize(("name", "point", "hit"), CASES)
def test_a_process_that_dies_anywhere_loses_and_doubles_nothing(
    service: Service,
    town: Town,
    crashing: Callable[[str, str, int], Path],
    name: str,
    point: str,
    hit: int,
) -> None:
    service.warm(town.followers)
    died = crashing(name, point, hit)
    tries: list[tuple[str, int]] = []

    def go_on() -> bool:
        if not died.exists():
            tries.extend(act(town))
        return died.exists()

    wait_until(go_on, 90, f"{name} dies {point}, hit {hit}")
    if name != "api":
        service.stack.start(name)
    service.wait_for_rest(60)
    check(service, town, tries)


def act(town: Town) -> Iterator[tuple[str, int]]:
    """Posts, and changes a follow. Yields the texts of the posts with the statuses, 0 for none."""
    for author in (town.liked, town.famous):
        text = uuid4().hex
        yield text, status_of(author, "POST", "/posts/", {"content": text})
    path = f"/users/{town.liked.id}/follow/"
    if status_of(town.fan, "POST", path) == 409:
        status_of(town.fan, "DELETE", path)


def status_of(person: Person, method: str, path: str, body: object = None) -> int:
    try:
        return person.call(method, path, body).status
    except (OSError, HTTPException):
        return 0


def check(service: Service, town: Town, tries: list[tuple[str, int]]) -> None:
    ids = []
    for text, status in tries:
        found = service.database.rows("SELECT id FROM posts WHERE content = %s", text)
        assert len(found) == 1 if status == 201 else len(found) <= 1, (text, status)
        ids += [id_ for (id_,) in found]
    for follower in (town.followers[0], town.followers[10], town.followers[-2], town.fan.id):
        shown = service.person(follower).feed_ids()
        assert shown == service.database.feed_of(follower)[:20]
    warm = town.followers[:-1]
    for post_id in ids:
        [(author,)] = service.database.rows("SELECT user_id FROM posts WHERE id = %s", post_id)
        holders = warm[:10] if author == town.liked.id else warm[10:]
        assert service.holds_everywhere(holders, post_id)
