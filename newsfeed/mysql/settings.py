"""How the service talks to MySQL: what Django's DATABASES hold."""

from typing import Any

COMMON: dict[str, Any] = {
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "charset": "utf8mb4",
        "connect_timeout": 3,
        # The outbox compares its leases with the server's clock: one time zone for both.
        # And a request must not wait for a row's lock as long as the server lets it, 50 s.
        "init_command": "SET time_zone = '+00:00', innodb_lock_wait_timeout = 2",
        # The relay's SKIP LOCKED scan must not lock the gap that new outbox rows go to.
        "isolation_level": "read committed",
    },
    "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
}
# Reads of the API may go there (newsfeed.mysql.replica). It is given up sooner, as the primary can
# answer.
REPLICA = {
    "OPTIONS": COMMON["OPTIONS"] | {"connect_timeout": 1},
    "TEST": {"MIRROR": "default"},
}


def databases(
    primary: dict[str, Any], replica: dict[str, Any], *, max_age: int
) -> dict[str, dict[str, Any]]:
    """`max_age`: seconds that a connection is kept. There is no replica if that is empty."""
    default = primary | COMMON | {"CONN_MAX_AGE": max_age}
    return {"default": default} | ({"replica": default | replica | REPLICA} if replica else {})
