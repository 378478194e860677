"""Faults between the apps and the servers."""

import time

from tests.faults.chaos_scene import Fault, Scene
from tests.faults.tcp_proxy import Mode

SECONDS = 3
TITLES = {"mariadb": "MariaDB", "redis": "Redis", "kafka": "Kafka"}
VERBS = {
    Mode.REFUSE: "refused",
    Mode.SWALLOW: "swallowed",
    Mode.RESET: "cut off",
    Mode.DELAY: "slow",
}


def spoil(name: str, mode: Mode) -> Fault:
    def fault(scene: Scene) -> None:
        scene.proxies.enter(name, mode)
        try:
            time.sleep(SECONDS)
        finally:
            scene.proxies.enter(name, Mode.PASS)

    return fault


NETWORK_FAULTS: dict[str, Fault] = {
    f"network to {title} {verb}": spoil(name, mode)
    for name, title in TITLES.items()
    for mode, verb in VERBS.items()
}
