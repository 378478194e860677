"""A database, a Redis number and a topic prefix for each worker of pytest-xdist.

The workers share MariaDB, Redis and Kafka. pytest-django names the databases.
"""

import os

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
REDIS_PATH = f"/{WORKER + 1}"


def own(name: str) -> str:
    """A topic, its prefix, or a consumer group that no other worker uses."""
    return f"test{WORKER}-{name}"
