"""Refuses settings that cannot work, at start-up and with a sentence that says what to do."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.urls import get_resolver

from newsfeed import logs, redis_topology

POSITIVE = (
    "FEED_MAX_LENGTH",
    "FEED_TTL_SECONDS",
    "FANOUT_INLINE_LIMIT",
    "FOLLOWING_LIMIT",
    "JWT_KEY_LIFETIME_DAYS",
    "KAFKA_PARTITIONS",
    "KAFKA_REPLICATION_FACTOR",
    "KAFKA_RETENTION_DAYS",
    "WEB_CONCURRENCY",
    "WEB_THREADS",
)


@register
def check_settings(**_: Any) -> list[CheckMessage]:
    return [
        *_secret_key(),
        *_replica(),
        *_signing_keys(),
        *_kafka(),
        *_redis(),
        *_positive(),
        *_limits(),
        *_logs(),
        *_admin(),
    ]


def _secret_key() -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if not settings.DEBUG and settings.SECRET_KEY == settings.INSECURE_SECRET_KEY:
        problems.append(
            Error("SECRET_KEY is not set. Set it to 50 random characters.", id="newsfeed.E001")
        )
    if len(settings.SIMPLE_JWT["SIGNING_KEY"].encode()) < 32:
        problems.append(
            Error("JWT_SIGNING_KEY (or SECRET_KEY) is shorter than 32 bytes.", id="newsfeed.E002")
        )
    return problems


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
    if acks not in ("all", "1"):
        problems.append(Error(f"KAFKA_ACKS is {acks!r}; it must be all or 1.", id="newsfeed.E003"))
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


def _redis() -> list[CheckMessage]:
    if not redis_topology.is_cluster(settings.REDIS_URL):
        return []
    try:
        redis_topology.parse(settings.REDIS_URL)
    except ValueError as error:
        sentence = (
            f"REDIS_URL {error}. A cluster is named like redis+cluster://node:6379,node:6379."
        )
        return [Error(sentence, id="newsfeed.E013")]
    return []


def _positive() -> list[CheckMessage]:
    return [
        Error(f"{name} is {getattr(settings, name)}; it must be at least 1.", id="newsfeed.E006")
        for name in POSITIVE
        if getattr(settings, name) < 1
    ]


def _admin() -> list[CheckMessage]:
    """Its paths come after all the others, so under one of theirs it would not be found."""
    path = settings.ADMIN_PATH
    if re.fullmatch(r"(?!api/)([\w.-]+/)+", path, re.ASCII):
        return []
    sentence = f"ADMIN_PATH is {path!r}; it must be like admin/ and not below api/."
    return [Error(sentence, id="newsfeed.E010")]


def _limits() -> list[CheckMessage]:
    # It needs Django REST framework, which needs the settings.
    from newsfeed.api import addresses, limits  # noqa: PLC0415

    problems: list[CheckMessage] = []
    proxies = settings.REST_FRAMEWORK["NUM_PROXIES"]
    if proxies < 0:
        problems.append(
            Error(f"NUM_PROXIES is {proxies}; it must be 0 or more.", id="newsfeed.E011")
        )
    if (header := settings.FORWARDED_HEADER) not in addresses.HEADERS:
        sentence = f"FORWARDED_HEADER is {header!r}; it must be {' or '.join(addresses.HEADERS)}."
        problems.append(Error(sentence, id="newsfeed.E011"))
    try:
        names = limits.parse(settings.RATE_LIMITS).keys()
    except ValueError as error:
        sentence = f"RATE_LIMITS has {str(error)!r}; a limit looks like login=5/m, with s, m or h."
        return [*problems, Error(sentence, id="newsfeed.E008")]
    endpoints = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    if unknown := names - endpoints - limits.NAMES:
        sentence = f"RATE_LIMITS names {', '.join(sorted(unknown))}: there is no such endpoint."
        problems.append(Error(sentence, id="newsfeed.E008"))
    return problems


def _logs() -> list[CheckMessage]:
    form = settings.LOG_FORMAT
    if form in logs.FORMATS:
        return []
    choice = " or ".join(logs.FORMATS)
    return [Error(f"LOG_FORMAT is {form!r}; it must be {choice}.", id="newsfeed.E009")]
