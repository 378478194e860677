"""Refuses settings that cannot work together, at start and with a sentence that says what to do.

A value that is wrong by itself is refused when it is read: `newsfeed.environment`.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.urls import get_resolver


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    return [
        *_secret_key(),
        *_replica(),
        *_signing_keys(),
        *_kafka(),
        *_limits(),
    ]


def _secret_key() -> list[CheckMessage]:
    if settings.DEBUG or settings.SECRET_KEY != settings.INSECURE_SECRET_KEY:
        return []
    return [Error("SECRET_KEY is not set. Set it to 50 random characters.", id="newsfeed.E001")]


def _replica() -> list[CheckMessage]:
    """A copy of the same database, on another server."""
    replica, primary = settings.DATABASES.get("replica"), settings.DATABASES["default"]
    if replica is None:
        return []
    name = primary["NAME"]
    if replica["ENGINE"] != primary["ENGINE"] or not replica["HOST"] or replica["NAME"] != name:
        sentence = f"must be like mysql://user:password@host:3306/{name}, a copy of DATABASE_URL's."
    elif _address(replica) == _address(primary):
        sentence = "names the server of DATABASE_URL; it must name another one, or be empty."
    else:
        return []
    return [Error(f"DATABASE_REPLICA_URL {sentence}", id="newsfeed.E012")]


def _address(database: dict[str, Any]) -> tuple[str, int]:
    return database["HOST"].lower(), int(database["PORT"] or 3306)


def _signing_keys() -> list[CheckMessage]:
    lifetime, grace = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"], settings.JWT_KEY_GRACE_DAYS
    if grace > lifetime.days:
        return []
    return [
        Error(
            f"JWT_KEY_GRACE_DAYS is {grace}; it must be above {lifetime.days}, or a change of keys"
            " would refuse refresh tokens before they expire.",
            id="newsfeed.E007",
        )
    ]


def _kafka() -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    acks, in_sync = settings.KAFKA_ACKS, settings.KAFKA_MIN_INSYNC_REPLICAS
    replicas = settings.KAFKA_REPLICATION_FACTOR
    if acks == "all" and in_sync is None:
        problems.append(
            Error(
                "KAFKA_ACKS=all promises little while KAFKA_MIN_INSYNC_REPLICAS is not set.",
                hint="2 with a replication factor of 3; 1 on a single broker.",
                id="newsfeed.E004",
            )
        )
    if in_sync is not None and not 1 <= in_sync <= replicas:
        problems.append(
            Error(
                f"KAFKA_MIN_INSYNC_REPLICAS is {in_sync}; with KAFKA_REPLICATION_FACTOR={replicas}"
                f" it must be from 1 to {replicas}, or no record can be written.",
                id="newsfeed.E005",
            )
        )
    return problems


def _limits() -> list[CheckMessage]:
    # It needs Django REST framework, which needs the settings.
    from newsfeed.api import limits  # noqa: PLC0415

    names = limits.parse(settings.RATE_LIMITS).keys()
    endpoints = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    if unknown := names - endpoints - limits.NAMES:
        sentence = f"RATE_LIMITS names {', '.join(sorted(unknown))}: there is no such endpoint."
        return [Error(sentence, id="newsfeed.E008")]
    return []
