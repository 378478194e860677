"""What each long-lived process does once, after it has loaded everything."""

import gc

from django.db import connections


def prepare(database_seconds: int, replica_seconds: int | None = None) -> None:
    """Bounds the wait for one answer of MySQL, and keeps loaded objects out of the collector.

    Other processes, such as a migration, wait without a bound. Collections that walk over the
    loaded objects again and again took a quarter of a worker's CPU.
    """
    connections.settings["default"]["OPTIONS"]["read_timeout"] = database_seconds
    if replica_seconds and (replica := connections.settings.get("replica")):
        replica["OPTIONS"]["read_timeout"] = replica_seconds
    gc.collect()
    gc.freeze()
