"""One server after the other is away for a while, under a steady load."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from itertools import count
from typing import NamedTuple

from dev.control import Control
from tests.faults.chaos_check import Findings, check_redis, check_walks
from tests.faults.chaos_report import quantile
from tests.faults.chaos_world import World
from tests.running import Service
from tests.threads import Threads

POSTERS, READERS = 4, 4
PAUSE = 0.2
BIG_EVERY = 12
RECOVERY_SECONDS = 60


class Asked(NamedTuple):
    what: str
    """POST or GET."""
    status: int
    """0: no answer."""
    seconds: float
    retry_after: str


@dataclass(frozen=True)
class Outage:
    name: str
    seconds: float
    begin: Callable[[Control], None]
    end: Callable[[Control], None]
    aims: tuple["Aim", ...] = ()


@dataclass(frozen=True)
class Aim:
    what: str
    p99: float
    success: float = 0.999

    def missed(self, asked: list[Asked]) -> str:
        mine = [one for one in asked if one.what == self.what]
        answered = sum(one.status in (200, 201) for one in mine) / len(mine)
        p99 = quantile([one.seconds for one in mine], 0.99)
        if answered >= self.success and p99 < self.p99:
            return ""
        return f"{self.what}: {answered:.2%} in p99 {p99:.3f} s"


def stopped(server: str, seconds: float, *aims: Aim) -> Outage:
    def end(stack: Control) -> None:
        stack.start(server)
        stack.wait_ready(server)

    return Outage(f"{server} stopped", seconds, lambda stack: stack.stop_program(server), end, aims)


def frozen(server: str, seconds: float, *aims: Aim) -> Outage:
    return Outage(
        f"{server} frozen",
        seconds,
        lambda stack: stack.signal(server, "STOP"),
        lambda stack: stack.signal(server, "CONT"),
        aims,
    )


POST, GET = Aim("POST", p99=0.3), Aim("GET", p99=1)
OUTAGES = (
    Outage("nothing", 20, lambda _: None, lambda _: None),
    stopped("kafka", 60, POST),
    frozen("kafka", 60, POST),
    frozen("redis", 30, GET),
    stopped("redis", 30, GET),
    stopped("mariadb", 20),
    frozen("mariadb", 20),
)


class Clients(Threads):
    """Post and read at a steady rate; each waits for its answer first."""

    def __init__(self, service: Service, world: World) -> None:
        self._service, self._world = service, world
        self.asked: list[Asked] = []
        super().__init__(
            partial(self._run, step, random.Random(n))  # noqa: S311
            for n, step in enumerate([self._post] * POSTERS + [self._read] * READERS)
        )

    def _run(self, step: Callable[[random.Random, int], None], dice: random.Random) -> None:
        for number in count():
            if self.over.wait(PAUSE):
                return
            step(dice, number)

    def _post(self, dice: random.Random, number: int) -> None:
        authors = self._world.small if number % BIG_EVERY else self._world.big
        self._ask(dice.choice(authors), "POST", "/posts/", {"content": f"number {number}"})

    def _read(self, dice: random.Random, _: int) -> None:
        self._ask(dice.choice(self._world.hot), "GET", "/feed/?limit=20", None)

    def _ask(self, user: int, what: str, path: str, body: object) -> None:
        person = self._service.person(user)
        began = time.monotonic()
        try:
            answer = person.call(what, path, body)
            status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except (OSError, HTTPException):
            status, retry_after = 0, ""
        self.asked.append(Asked(what, status, time.monotonic() - began, retry_after))


@contextmanager
def away(stack: Control, outage: Outage) -> Iterator[None]:
    outage.begin(stack)
    try:
        yield
    finally:
        outage.end(stack)


def suffer(service: Service, world: World, outage: Outage) -> Iterator[str]:
    """Prints a line of the table, and yields what was not as it should be."""
    service.rebuild(world.readers)
    # The clients' last answers come before it ends: they tell of the outage and of nothing else.
    with away(service.stack, outage), Clients(service, world) as clients:
        time.sleep(outage.seconds)
    try:
        rest = f"{service.wait_for_rest(RECOVERY_SECONDS):.1f}"
    except AssertionError as error:
        rest = "-"
        yield f"{outage.name}: {error}"
    asked = clients.asked
    load = f"{os.getloadavg()[0]:.1f}"
    print("|", " | ".join([outage.name, *map(_told, _split(asked)), rest, load]), "|", flush=True)
    for aim in outage.aims:
        if missed := aim.missed(asked):
            yield f"{outage.name}: {missed}"
    for status in {one.status for one in asked} - {200, 201, 503}:
        yield f"{outage.name}: answers with {status or 'nothing at all'}"
    if any(one.status == 503 and not one.retry_after for one in asked):
        yield f"{outage.name}: 503 without Retry-After"
    if outage.name == "mariadb stopped" and any(one.status != 503 for one in asked):
        yield f"{outage.name}: something else than 503"


def _split(asked: list[Asked]) -> Iterator[list[Asked]]:
    for what in ("POST", "GET"):
        yield [one for one in asked if one.what == what]


def _told(asked: list[Asked]) -> str:
    good = sum(one.status in (200, 201) for one in asked)
    seconds = [one.seconds for one in asked]
    p50, p99 = (1000 * quantile(seconds, share) for share in (0.5, 0.99))
    return f"{good:,} of {len(asked):,} | {p50:.0f}, {p99:.0f}, {1000 * max(seconds):.0f} ms"


def run(service: Service) -> Iterator[str]:
    world = World(service, random.Random(1))  # noqa: S311
    print("| away | POST | p50, p99, max | GET | p50, p99, max | at rest after, s | load |")
    print("|---|---|---|---|---|---|---|")
    for outage in OUTAGES:
        yield from suffer(service, world, outage)
    found = Findings()
    check_redis(service, world.readers, found)
    check_walks(service, world.hot, found)
    print(f"\n{len(world.readers) + len(world.hot):,} feeds compared: {len(found.all())} wrong")
    yield from found.all()
