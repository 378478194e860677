"""What REDIS_URL may be, and the caches that Django makes of it."""

from urllib.parse import urlsplit

from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import RedisError
from redis.retry import Retry

from newsfeed.redis import topology
from newsfeed.time_limits import TimeLimits

SINGLE, CLUSTER = "redis://:password@host:6379/0", "redis+cluster://:password@host:6379,host:6379"


def redis_url(text: str) -> str:
    """Raises ValueError with what it must be. redis-py would fail at the first request."""
    if topology.is_cluster(text):
        try:
            node, _ = topology.parse(text)
        except ValueError as error:
            raise ValueError(f"{error}; a cluster is named like {CLUSTER}") from None
    else:
        node = text
    try:
        parts = urlsplit(node)
        is_whole = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
        has_database = not parts.path.strip("/") or parts.path[1:].isdecimal()
        ConnectionPool.from_url(node).make_connection()
    except (ValueError, TypeError, RedisError):
        is_whole = False
    if not is_whole or not has_database or parts.fragment:
        raise ValueError(f"must be like {SINGLE}, or {CLUSTER}")
    return text


def caches(url: str, limits: TimeLimits) -> dict[str, dict[str, object]]:
    seconds = {"default": limits.redis_request, "worker": limits.redis_worker}
    return {alias: _cache(url, limit) for alias, limit in seconds.items()}


def _cache(url: str, seconds: float) -> dict[str, object]:
    """A cache entry that gives up after so many seconds, without a retry.

    redis-py 8 by itself waits up to a minute for a server that hangs (5 s and ten retries).
    The limit stands in the URL because django-redis shares one pool between equal URLs, and that
    in a list because it would divide a string at its commas.
    """
    sign = "&" if "?" in url else "?"
    limits = f"socket_timeout={seconds}&socket_connect_timeout={seconds}"
    options: dict[str, object] = {"CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)}}
    if topology.is_cluster(url):
        options = {"CONNECTION_FACTORY": "newsfeed.redis.topology.ConnectionFactory"}
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [f"{url}{sign}{limits}"],
        "OPTIONS": options,
    }
