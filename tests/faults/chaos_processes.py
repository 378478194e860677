"""Faults of processes: killed, frozen, stopped, and more of them than there should be."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faults.chaos_scene import Fault, Scene, children
from tests.processes import another_worker

FREEZE_SECONDS = 2
BEYOND_DELIVERY_TIMEOUT = 11
"""The producer gives a record up after 10 s."""
BEYOND_SESSION = 9
"""The group gives a silent member up after 6 s."""


def kill(name: str) -> Fault:
    """The supervisor starts it again."""
    return lambda scene: scene.service.stack.signal(name, "KILL")


def terminate(name: str) -> Fault:
    return lambda scene: scene.service.stack.signal(name, "TERM")


def freeze(name: str, seconds: float = FREEZE_SECONDS) -> Fault:
    def fault(scene: Scene) -> None:
        scene.service.stack.signal(name, "STOP")
        try:
            time.sleep(seconds)
        finally:
            scene.service.stack.signal(name, "CONT")

    return fault


def restart(name: str) -> Fault:
    def fault(scene: Scene) -> None:
        scene.service.stack.stop_program(name)
        time.sleep(1)
        scene.service.stack.start(name)

    return fault


def kill_an_api_worker(scene: Scene) -> None:
    with suppress(ProcessLookupError):
        os.kill(scene.dice.choice(children(scene.service.stack.pid("api"))), signal.SIGKILL)


def freeze_an_api_worker(scene: Scene) -> None:
    pid = scene.dice.choice(children(scene.service.stack.pid("api")))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(FREEZE_SECONDS)
        os.kill(pid, signal.SIGCONT)


CONSUMERS = ("consume", "feed", "visibility")


def one_more(end: signal.Signals, *command: str) -> Fault:
    """A second process of a worker comes and goes."""

    def fault(scene: Scene) -> None:
        with second(scene, *command) as process:
            time.sleep(6)
            process.send_signal(end)

    return fault


def storm_of_consumers(scene: Scene) -> None:
    """Each rebalance is interrupted by the next."""
    for _ in range(3):
        with second(scene, *CONSUMERS) as process:
            time.sleep(3 + 3 * scene.dice.random())
            process.terminate()


@contextmanager
def second(scene: Scene, *command: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Has to end within the block, or soon."""
    with another_worker(scene.service.stack, *command, **scene.proxies.env) as worker:
        yield worker.process
        worker.wait(30)


PROCESS_FAULTS: dict[str, Fault] = {
    "API killed": kill("api"),
    "API worker killed": kill_an_api_worker,
    "API worker frozen": freeze_an_api_worker,
    "API terminated": terminate("api"),
    "relay killed": kill("relay"),
    "relay frozen": freeze("relay"),
    "relay terminated": terminate("relay"),
    "second relay killed": one_more(signal.SIGKILL, "relay_outbox"),
    "consumer killed": kill("consumer"),
    "consumer frozen": freeze("consumer"),
    "consumer frozen for long": freeze("consumer", BEYOND_SESSION),
    "consumer terminated": terminate("consumer"),
    "second consumer killed": one_more(signal.SIGKILL, *CONSUMERS),
    "second consumer terminated": one_more(signal.SIGTERM, *CONSUMERS),
    "storm of consumers": storm_of_consumers,
    "Kafka killed": kill("kafka"),
    "Kafka frozen": freeze("kafka"),
    "Kafka frozen for long": freeze("kafka", BEYOND_DELIVERY_TIMEOUT),
    "Kafka restarted": restart("kafka"),
    "Redis killed": kill("redis"),
    "Redis frozen": freeze("redis"),
    "Redis restarted empty": restart("redis"),
    "MariaDB killed": kill("mariadb"),
    "MariaDB frozen": freeze("mariadb"),
    "MariaDB restarted": restart("mariadb"),
}
