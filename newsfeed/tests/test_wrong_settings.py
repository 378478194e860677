"""Every variable: values that are wrong are refused by its name, and odd ones that are right taken.

The settings are read again in this process. That the entry points tell it is seen below.
"""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).parents[2]
SOUND = {"SECRET_KEY": "s" * 32, "KAFKA_MIN_INSYNC_REPLICAS": "1"}


def _read(**variables: str) -> dict[str, Any]:
    with patch.dict(os.environ, SOUND | variables, clear=True):
        return runpy.run_path(str(ROOT / "newsfeed" / "settings.py"))


def _all(part: str, values: str) -> dict[str, str]:
    """Each of the values, with `|` between, and a part of the sentence that refuses it."""
    return dict.fromkeys(values.split("|"), part)


BOOLEANS = _all("it must be true or false.", "enabled|maybe|2||$DEBUG")
NUMBERS = _all("it must be a whole number.", f"many|1.5|0x10|1_0|٣||{'9' * 5_000}")
SIZES = NUMBERS | _all("it must be from 1 to", f"0|-1|{'9' * 18}")
DATABASES = _all(
    "must be like mysql://user:password@host:3306/newsfeed.",
    "db|db:3306/newsfeed|mysql://|mysql://u:secret@db:port/newsfeed|mysql://u:secret@/newsfeed"
    "|mysql://u:secret@db|mysql://db/newsfeed|mysql://u:secret@db:65536/newsfeed|mysql://u@[::/n"
    "|postgres://u:secret@db/newsfeed",
) | _all("must end with the name of the database.", "mysql://u@db/n?ssl=1|mysql://u@db/n/2")
ORIGINS = _all(
    "it must list origins like https://",
    "feed.example.com|https://feed.example.com/|https://feed.example.com/admin|*|https://"
    "|ftp://feed.example.com|https://a.example b.example|https://a.example:port",
)
ADDRESSES = "8000|:8000|0.0.0.0|0.0.0.0:port|::1:8000|a:65536|"
SECRETS = _all("must be random and have 32 bytes or more.", f"short|{31 * 's'}")
WRONG = {
    "SECRET_KEY": SECRETS | {"": "must be random"},
    "JWT_SIGNING_KEY": SECRETS,
    "JWT_KEY_LIFETIME_DAYS": SIZES,
    "JWT_KEY_GRACE_DAYS": SIZES,
    "DEBUG": BOOLEANS,
    "ALLOWED_HOSTS": _all(
        "it must list host names, without scheme and port.",
        "https://feed.example.com|feed.example.com:8000|feed.example.com/api|*.example.com||,"
        "|a.example b.example|::1|good.example,bad_one.example",
    ),
    "CSRF_TRUSTED_ORIGINS": ORIGINS,
    "TIME_ZONE": _all(
        "it must be a name of the IANA's list",
        "Asia/Seul||KST|../etc/passwd|/etc/passwd|Asia|UTC+9",
    ),
    "LOG_LEVEL": _all("it must be DEBUG, INFO, WARNING, ERROR or CRITICAL.", "verbose||10"),
    "LOG_FORMAT": _all("it must be json or line.", "xml|"),
    "HTTPS": BOOLEANS,
    "HSTS_SECONDS": NUMBERS | {"-1": "it must be from 0 to"},
    "CORS_ALLOWED_ORIGINS": ORIGINS | {"https://*.example.com": "list origins"},
    "RATE_LIMITS": _all(
        "it must list limits like login=5/m",
        "login=5|login=0/m|login=5/d|login|login=-5/m|login=5/m;feed=3/m",
    ),
    "NUM_PROXIES": NUMBERS | {"-1": "it must be from 0 to 100."},
    "FORWARDED_HEADER": _all("it must be x-forwarded-for or forwarded.", "x-real-ip|"),
    "ADMIN_PATH": _all(
        "it must be like admin/ and not below api/ or static/.",
        "|/admin/|admin|api/|api/admin/|static/|a b/|<int:x>/|//|../",
    ),
    "ADMIN_TOTP_REQUIRED": BOOLEANS,
    "ADMIN_IDLE_SECONDS": NUMBERS | {"59": "it must be from 60 to"},
    "ADMIN_SESSION_SECONDS": NUMBERS | {"59": "it must be from 60 to"},
    "DATABASE_URL": DATABASES | {"": "must be like mysql://"},
    "DATABASE_REPLICA_URL": DATABASES,
    "DATABASE_CONN_MAX_AGE": NUMBERS | {"-1": "it must be from 0 to"},
    "REDIS_URL": _all(
        "must be like redis://:password@host:6379/0",
        "|127.0.0.1:6379|redis|http://r:6379/0|redis://|redis://:secret@r:port/0|redis://r:65536"
        "|redis://r:0|redis://r/zero|redis://r/0#1|redis://[::/0|redis://r/0?timeout=5"
        "|redis://r/0?socket_timeout=x|redis+cluster://r?timeout=5|unix:///redis.sock",
    )
    | _all("names a database; a cluster has no other than 0", "redis+cluster://r/2")
    | _all("names a database; a cluster has no other than 0", "rediss+cluster://r?db=2")
    | _all("lacks the name of a node", "redis+cluster://|redis+cluster://:secret@r:1,:2")
    | _all("has a wrong port in 'r:x'; a cluster is named like", "redis+cluster://r:1,r:x"),
    "KAFKA_BOOTSTRAP_SERVERS": _all(
        "it must list servers like kafka:9092.",
        "|,|kafka|kafka:port|kafka:0|kafka:65536|PLAINTEXT://kafka:9092|kafka:9092 kafka:9093"
        "|kafka:9092,kafka|::1:9092",
    ),
    "KAFKA_ACKS": _all("it must be all or 1.", "0|2||-1"),
    "KAFKA_MIN_INSYNC_REPLICAS": SIZES,
    "KAFKA_REPLICATION_FACTOR": SIZES | {"32768": "it must be from 1 to 32767."},
    "KAFKA_PARTITIONS": SIZES,
    "KAFKA_RETENTION_DAYS": SIZES,
    "KAFKA_TOPIC_PREFIX": _all(
        "it must have letters, digits and . _ - only", f"foo/bar|a b|키|{'p' * 201}|$DEBUG"
    ),
    "KAFKA_CONSUMER_GROUP": _all("it must be a name without spaces.", f"|a b|{'g' * 201}"),
    "FEED_MAX_LENGTH": SIZES,
    "FEED_TTL_SECONDS": SIZES,
    "FANOUT_INLINE_LIMIT": SIZES,
    "FOLLOWING_LIMIT": SIZES,
    "WEB_BIND": _all("it must be like 0.0.0.0:8000.", ADDRESSES),
    "WEB_METRICS_BIND": _all("it must be like 0.0.0.0:9100.", ADDRESSES),
    "WEB_CONCURRENCY": SIZES,
    "WEB_THREADS": SIZES,
}
TAKEN: list[tuple[str, str, object]] = [
    ("DEBUG", "True", True),
    ("DEBUG", "yes", True),
    ("HTTPS", "on", True),
    ("HTTPS", "0", False),
    ("ADMIN_TOTP_REQUIRED", "OFF", False),
    ("SECRET_KEY", "$SECRET_KEY" + 32 * "s", "$SECRET_KEY" + 32 * "s"),
    ("SECRET_KEY", 11 * "키", 11 * "키"),
    ("ALLOWED_HOSTS", "*", ["*"]),
    ("ALLOWED_HOSTS", ".a.example, 10.0.0.1,[::1]", [".a.example", "10.0.0.1", "[::1]"]),
    ("CSRF_TRUSTED_ORIGINS", "https://*.a.example", ["https://*.a.example"]),
    ("CORS_ALLOWED_ORIGINS", "http://[::1]:3000", ["http://[::1]:3000"]),
    ("TIME_ZONE", "America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
    ("KAFKA_ACKS", "ALL", "all"),
    ("KAFKA_BOOTSTRAP_SERVERS", "a_1:9092, [::1]:1", ["a_1:9092", "[::1]:1"]),
    ("KAFKA_TOPIC_PREFIX", "a.b_c-", "a.b_c-"),
    ("FORWARDED_HEADER", "X-Forwarded-For", "x-forwarded-for"),
    ("ADMIN_PATH", "back-office/2/", "back-office/2/"),
    ("ADMIN_PATH", "apiary/", "apiary/"),
    ("FEED_MAX_LENGTH", " 16 ", 16),
    ("WEB_BIND", "[::]:65535", "[::]:65535"),
]
TAKEN += [
    ("REDIS_URL", url, url)
    for url in (
        "redis://r",
        "rediss://:p%40@r:1/3?health_check_interval=9",
        "redis+cluster://:p%40@r:7000,s,[::1]:1",
        "rediss+cluster://r:7000/0",
    )
]
ROWS = [(name, value, part) for name, rows in WRONG.items() for value, part in rows.items()]


@pytest.mark.parametrize(("name", "value", "part"), ROWS, ids=lambda value: value[:30])
def test_a_wrong_value_is_refused_with_one_sentence(name: str, value: str, part: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        _read(**{name: value})
    sentence = str(refusal.value)
    assert re.match(rf"{name} [^\n]*\.$", sentence), sentence
    assert part in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(("name", "value", "expected"), TAKEN)
def test_an_odd_value_that_is_right_is_taken(name: str, value: str, expected: object) -> None:
    assert _read(**{name: value})[name] == expected


def test_the_level_of_the_log_may_be_in_small_letters() -> None:
    assert _read(LOG_LEVEL="warning")["LOGGING"]["root"]["level"] == "WARNING"


def test_a_password_that_begins_with_a_dollar_is_taken_as_it_stands() -> None:
    database = _read(DATABASE_URL="mysql://u:$HOME@db/newsfeed")["DATABASES"]["default"]
    assert database["PASSWORD"] == "$HOME"
    assert _read(JWT_SIGNING_KEY="$" + 32 * "k")["SIMPLE_JWT"]["SIGNING_KEY"] == "$" + 32 * "k"


def test_every_variable_of_the_example_has_wrong_values_here() -> None:
    example = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(WRONG) == set(example) - {"REDIS_PASSWORD"}  # which only compose.yaml reads


ENTRY_POINTS = [["manage.py", "check"], ["manage.py", "migrate"], ["-m", "gunicorn"]]


@pytest.mark.parametrize("command", [*ENTRY_POINTS, ["-c", "import newsfeed.wsgi"]])
def test_every_entry_point_tells_all_that_is_wrong_and_ends(command: list[str]) -> None:
    variables = {"PATH": os.environ["PATH"], "HTTPS": "enabled", "TIME_ZONE": "Asia/Seul"} | SOUND
    started = subprocess.run(  # noqa: S603
        [sys.executable, *command],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert started.returncode == (3 if "-c" in command else 1)
    assert started.stdout == ""
    https, time_zone = started.stderr.splitlines()
    assert https == "HTTPS is 'enabled'; it must be true or false."
    assert time_zone.startswith("TIME_ZONE is 'Asia/Seul'; it must be a name")
