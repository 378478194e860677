"""A load, a seeded plan of faults one after the other, and a check when everything is at rest."""

import random
import sys
import time
from dataclasses import dataclass
from traceback import format_exc

from tests.faults.chaos_check import (
    Findings,
    check_dead_letters,
    check_posts,
    check_redis,
    check_walks,
)
from tests.faults.chaos_load import Load
from tests.faults.chaos_network import NETWORK_FAULTS
from tests.faults.chaos_processes import PROCESS_FAULTS
from tests.faults.chaos_promptness import time_posts
from tests.faults.chaos_report import Healed, Report
from tests.faults.chaos_resources import Resources
from tests.faults.chaos_scene import Scene
from tests.faults.chaos_stores import STORE_FAULTS
from tests.faults.chaos_topics import TOPIC_FAULTS
from tests.faults.chaos_world import Ledger, World
from tests.faults.proxies import Proxies
from tests.running import Service
from tests.topics import DEAD_LETTERS, FEED

FAULTS = PROCESS_FAULTS | NETWORK_FAULTS | STORE_FAULTS | TOPIC_FAULTS
SLOW = {
    "consumer frozen for long",
    "Kafka frozen for long",
    "Kafka killed",
    "Kafka restarted",
    "consumer killed",
    "relay killed",
    "second consumer killed",
    "second relay killed",
    "storm of consumers",
    "poison, 1,000 in a row",
    "poison, nothing else",
    "today's topic deleted",
}
"""They take from 10 s to half a minute: a dead member's session, a dead relay's lease."""
END_APPS = {
    "API killed",
    "API terminated",
    "API worker killed",
    "consumer killed",
    "consumer terminated",
    "poison, 1,000 in a row",
    "poison, nothing else",
    "relay killed",
    "relay terminated",
}
"""Memory is to be watched in processes that outlive the others."""
WARM_UP = ["poison, 50 in a row", "Kafka frozen for long"]
"""They make a consumer take memory once: for a producer of dead letters, and for a backlog."""
SAMPLE = 25
PAGES = 3
LONG_CALM_EVERY, LONG_CALM = 20, 11
"""Seconds: beyond what a fault excuses."""
MOMENT = 0.3
"""About what the relay and the consumer take for a post to 1,500 followers."""


@dataclass(frozen=True)
class Options:
    seed: int
    faults: int = 60
    deliveries: int = 100_000
    minutes: float = 6
    calm: float = 1.0
    """Seconds of load between two faults."""
    only: list[str] | None = None
    spare: bool = False
    """No fault ends the API, the consumer or the relay: see what becomes of them, once warm."""

    def kinds(self) -> list[str]:
        return sorted(set(self.only or FAULTS) - (END_APPS if self.spare else set()))


def plan(dice: random.Random, count: int, kinds: list[str]) -> list[str]:
    """Every kind once, and from then on rather the quick ones. The same for the same dice."""
    kinds = list(kinds)
    dice.shuffle(kinds)
    weights = [1 if kind in SLOW else 6 for kind in kinds]
    return (kinds + dice.choices(kinds, weights, k=max(0, count - len(kinds))))[:count]


class Run:
    def __init__(self, service: Service, proxies: Proxies, options: Options) -> None:
        self._service, self._options = service, options
        dice = random.Random(options.seed)  # noqa: S311 (the same for the same seed)
        self._plan = plan(dice, options.faults, options.kinds())
        if options.spare:
            self._plan = WARM_UP + self._plan[len(WARM_UP) :]
        ledger, world = Ledger(), World(service, dice)
        load = Load(service, world, ledger, options.seed)
        self._scene = Scene(service, proxies, dice, world, ledger, load)
        self._report = Report(options.seed, ledger, Findings())
        self._resources = Resources(service.stack)
        self._began = time.monotonic()
        self._feed_base = self._feed_records()
        self._dead_base = service.topics.ends(DEAD_LETTERS)

    def run(self) -> Report:
        report, service = self._report, self._service
        service.warm(self._scene.world.readers)
        report.before = self._resources.look()
        with self._scene.load:
            for number, kind in enumerate(self._plan, 1):
                if self._minutes() > self._options.minutes or report.failures:
                    break
                self._say(f"{number}/{len(self._plan)} {kind}")
                self._break(kind, self._options.calm if number % LONG_CALM_EVERY else LONG_CALM)
            self._deliver_enough()
        report.deliveries = self._deliveries()
        self._check_everything()
        report.after = self._resources.look()
        report.lives = list(self._resources.long_lives())
        report.seconds = time.monotonic() - self._began
        return report

    def _break(self, kind: str, calm: float) -> None:
        scene, report = self._scene, self._report
        time.sleep(calm)
        refused = scene.ledger.refused()
        try:
            time_posts(scene)
            # So that the relay and the consumer are at it when it happens.
            scene.load.post(scene.dice.choice(scene.world.big), scene.dice)
            time.sleep(MOMENT * scene.dice.random())
            FAULTS[kind](scene)
            healed = time.monotonic()
            with scene.load.paused():
                scene.wait_until_up()
                scene.wait_for_rest()
                refused = scene.ledger.refused() - refused
                scene.ledger.healed, scene.ledger.healed_at = f"after {kind}", healed
                report.healed.append(Healed(kind, time.monotonic() - healed, refused))
                self._check_some(kind)
                self._say(f"    {report.healed[-1].seconds:.1f} s, MB {self._resources.look()}")
        except Exception:  # the report tells; what follows would only be its echo
            report.failures.append(f"{kind}: {format_exc()}")

    def _check_some(self, kind: str) -> None:
        found, hot = self._report.found, self._scene.world.hot
        before = len(found.all())
        check_redis(self._service, hot, found)
        sample = self._scene.dice.sample(hot, SAMPLE)
        check_walks(self._service, sample, found, PAGES)
        self._report.feeds_checked += len(hot) + len(sample)
        for problem in found.all()[before:]:
            self._say(f"after {kind}: {problem[:500]}")

    def _deliver_enough(self) -> None:
        """On a machine too slow for the plan; never for longer than the plan may take."""
        while (
            self._deliveries() < self._options.deliveries
            and self._minutes() < self._options.minutes
            and not self._report.failures
        ):
            time.sleep(1)

    def _check_everything(self) -> None:
        scene, report, service = self._scene, self._report, self._service
        try:
            scene.wait_for_rest()
        except AssertionError as error:
            report.failures.append(f"at the end: {error}")
        readers, authors = scene.world.readers, [*scene.world.followers, *scene.world.small]
        check_redis(service, readers, report.found)
        check_walks(service, readers, report.found)
        report.feeds_checked += 2 * len(readers)
        check_posts(service, authors, scene.ledger, report.found)
        report.dead_twice = check_dead_letters(service, scene.ledger, self._dead_base, report.found)

    def _feed_records(self) -> int:
        return sum(self._service.topics.ends(FEED).values())

    def _deliveries(self) -> int:
        ledger = self._scene.ledger
        return self._feed_records() - self._feed_base + ledger.deleted - ledger.injected

    def _minutes(self) -> float:
        return (time.monotonic() - self._began) / 60

    def _say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
