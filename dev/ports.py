"""Which port of 127.0.0.1 belongs to which program of the stack."""

import random
import socket
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class Ports:
    web: int
    """nginx, in front of `api`. Stacks without nginx are asked at `api`."""
    mariadb: int
    redis: int
    kafka: int
    kafka_controller: int
    consumer: int
    relay: int
    control: int
    metrics: int
    # For tests that put a proxy before each server. What speaks through Kafka's needs a listener
    # of its own, as a broker tells its clients where to call back.
    mariadb_proxy: int
    redis_proxy: int
    kafka_proxy: int
    kafka_behind_proxy: int
    api: int
    web_health: int

    @classmethod
    def counted_from(cls, base: int) -> "Ports":
        return cls(*range(base, base + len(fields(cls))))

    @classmethod
    def free(cls) -> "Ports":
        """Ports nobody listens on, below the range that outgoing connections take theirs from."""
        while True:
            ports = cls.counted_from(random.randrange(20_000, 32_000, 20))  # noqa: S311
            if not ports.taken():
                return ports

    def taken(self) -> dict[str, int]:
        return {name: port for name, port in asdict(self).items() if _is_taken(port)}


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that are fading away do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
