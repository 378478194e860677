"""What a fault is given to work with."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import MySQLdb
from kafka.errors import KafkaError

from tests.deadline import wait_until
from tests.faults.chaos_load import Load
from tests.faults.chaos_world import Ledger, World
from tests.running import Service

REST_SECONDS = 60


@dataclass
class Scene:
    service: Service
    dice: random.Random
    world: World
    ledger: Ledger
    load: Load

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


Fault = Callable[[Scene], None]
"""Breaks something, and returns when it is whole again, or on its way there by itself."""
