"""What a fault is given to work with."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import MySQLdb
from kafka.errors import KafkaError

from dev.control import APPS, STORES
from tests.deadline import wait_until
from tests.faults.chaos_load import Load
from tests.faults.chaos_world import Ledger, World
from tests.faults.proxies import Proxies
from tests.running import Service

REST_SECONDS = 60


@dataclass
class Scene:
    service: Service
    proxies: Proxies
    dice: random.Random
    world: World
    ledger: Ledger
    load: Load

    def wait_until_up(self, seconds: float = REST_SECONDS) -> None:
        """The workers of a killed API go on answering for a moment: they are not its successor."""
        stack = self.service.stack
        wait_until(lambda: children(stack.pid("api")), seconds, "the API has workers")
        stack.wait_ready(*STORES, *APPS, seconds=seconds)

    def wait_for_rest(self, seconds: float = REST_SECONDS) -> float:
        """While nobody asks for anything. Twice in a row: a thawed request may commit late."""
        waited = wait_until(lambda: not self._unfinished(), seconds, "rest", self._unfinished)
        time.sleep(0.2)
        return waited + wait_until(lambda: not self._unfinished(), seconds, "rest again")

    def _unfinished(self) -> str:
        try:
            return self.service.unfinished()
        except (OSError, KafkaError, MySQLdb.Error) as error:  # not up again yet
            return repr(error)


def children(pid: int) -> list[int]:
    """Of a process, which may be gone."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


Fault = Callable[[Scene], None]
"""Breaks something, and returns when it is whole again, or on its way there by itself."""
