"""The settings as the environment makes them, read in a process of their own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dev.stack import LIMITED
from newsfeed.api import limits

ROOT = Path(__file__).parents[2]
READ_IN_PYTHON = r'\b(?:env|env\.\w+|os\.environ\.get)\(\s*"(\w+)"'
READ_IN_COMPOSE = r"\$\{(\w+)"
# Made by gunicorn for its own children, anew for each run.
NOT_FOR_USERS = {"PROMETHEUS_MULTIPROC_DIR"}
# What has no default that would do, and where compose.yaml has its servers.
DIFFERENT = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "NUM_PROXIES"}
DIFFERENT |= {"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_MIN_INSYNC_REPLICAS"}

SHOW = """
import json, runpy
from newsfeed import settings
shown = {name: value for name, value in vars(settings).items() if name.isupper()}
gunicorn = runpy.run_path("gunicorn.conf.py")
shown |= {name: gunicorn[name] for name in ("bind", "workers", "threads")}
for cache in settings.CACHES.values():
    pool = cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]
    pool["retry"] = pool["retry"].get_retries()
print(json.dumps(shown, default=str))
"""


def _python(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Of the variables of this process it gets none that is a setting."""
    env = {"PATH": os.environ["PATH"]} | variables
    command = [sys.executable, *arguments]
    return subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def _settings(**variables: str) -> dict[str, Any]:
    shown = _python("-c", SHOW, **variables)
    assert shown.returncode == 0, shown.stderr
    settings: dict[str, Any] = json.loads(shown.stdout)
    return settings


def _example() -> dict[str, str]:
    return _variables((ROOT / ".env.example").read_text())


def _variables(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def test_the_command_of_the_example_draws_two_secrets(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text()
    commands = "\n".join(re.findall(r"^#   (.*)$", text, re.MULTILINE))
    assert commands in (ROOT / "README.md").read_text().replace("$ s", "s")
    (tmp_path / ".env.example").write_text(text)
    subprocess.run(["bash", "-c", commands], cwd=tmp_path, check=True)  # noqa: S603, S607
    made = _variables((tmp_path / ".env").read_text())
    secret, password = made["SECRET_KEY"], made["REDIS_PASSWORD"]
    assert len(secret) == len(password) == 64
    assert secret != password
    assert made["REDIS_URL"] == f"redis://:{password}@redis:6379/0"


def _read_in(name: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / name).read_text()))


def test_the_example_lists_every_variable_that_is_read_and_no_other() -> None:
    read = _read_in("newsfeed/settings.py", READ_IN_PYTHON)
    read |= _read_in("newsfeed/server/hooks.py", READ_IN_PYTHON)
    read |= _read_in("compose.yaml", READ_IN_COMPOSE)
    assert {"SECRET_KEY", "FEED_MAX_LENGTH", "WEB_THREADS"} < read
    assert set(_example()) == read - NOT_FOR_USERS


def test_the_example_explains_every_block_of_variables() -> None:
    blocks = (ROOT / ".env.example").read_text().split("\n\n")[1:]
    assert len(blocks) > 3
    assert all(block.startswith("# ") for block in blocks)


def test_the_values_of_the_example_are_the_defaults() -> None:
    same = {name: value for name, value in _example().items() if name not in DIFFERENT}
    assert _settings(**same) == _settings()


def test_each_value_of_the_example_arrives() -> None:
    changed = _settings(**_example() | {"SECRET_KEY": 32 * "s"})
    assert changed["DATABASES"]["default"]["HOST"] == "mysql"
    assert changed["CACHES"]["default"]["LOCATION"][0].startswith(
        "redis://:CHANGE-THIS@redis:6379/0?"
    )
    assert changed["KAFKA_BOOTSTRAP_SERVERS"] == ["kafka:9092"]
    assert changed["KAFKA_MIN_INSYNC_REPLICAS"] == 1


def test_servers_for_tests_lift_every_limit() -> None:
    assert set(LIMITED) == set(limits.parse(_settings()["RATE_LIMITS"]))


def test_compose_has_servers_where_the_example_looks_for_them() -> None:
    compose = (ROOT / "compose.yaml").read_text()
    for host in ("mysql", "redis", "kafka"):
        assert f"\n  {host}:\n" in compose
    assert "PLAINTEXT://kafka:9092" in compose


def test_a_replica_is_asked_for_less_long_and_only_where_it_is_set() -> None:
    alone = _settings(DATABASE_URL="mysql://a:b@db/newsfeed", DATABASE_REPLICA_URL="")
    assert list(alone["DATABASES"]) == ["default"]
    assert "DATABASE_ROUTERS" not in alone
    urls = {"DATABASE_URL": "mysql://a:b@db/newsfeed"}
    urls["DATABASE_REPLICA_URL"] = "mysql://c:d@copy:3307/newsfeed"
    both = _settings(**urls)
    primary, replica = both["DATABASES"]["default"], both["DATABASES"]["replica"]
    assert primary == alone["DATABASES"]["default"]
    assert [replica[name] for name in ("HOST", "PORT", "USER")] == ["copy", 3307, "c"]
    assert replica["OPTIONS"] == primary["OPTIONS"] | {"connect_timeout": 1}
    assert both["DATABASE_ROUTERS"] == ["newsfeed.mysql.replica.Router"]


def test_lists_have_commas_between() -> None:
    lists = {"ALLOWED_HOSTS": "a.example,b.example", "KAFKA_BOOTSTRAP_SERVERS": "k1:9092,k2:9092"}
    settings = _settings(**lists)
    assert settings["ALLOWED_HOSTS"] == ["a.example", "b.example"]
    assert settings["KAFKA_BOOTSTRAP_SERVERS"] == ["k1:9092", "k2:9092"]


def test_tokens_are_signed_with_a_key_of_their_own_if_there_is_one() -> None:
    keys = {"SECRET_KEY": "s" * 32}
    assert _settings(**keys)["SIMPLE_JWT"]["SIGNING_KEY"] == "s" * 32
    keys["JWT_SIGNING_KEY"] = ""
    assert _settings(**keys)["SIMPLE_JWT"]["SIGNING_KEY"] == "s" * 32
    keys["JWT_SIGNING_KEY"] = "j" * 32
    assert _settings(**keys)["SIMPLE_JWT"]["SIGNING_KEY"] == "j" * 32


@pytest.mark.parametrize("url", ["redis://r:6379/3", "redis://r:6379/3?health_check_interval=9"])
def test_a_request_gives_redis_less_time_than_a_worker(url: str) -> None:
    waits = {}
    for alias, cache in _settings(REDIS_URL=url)["CACHES"].items():
        (location,) = cache["LOCATION"]
        query = parse_qs(urlsplit(location).query, strict_parsing=True)
        assert location.startswith(url)
        assert query["socket_timeout"] == query["socket_connect_timeout"]
        assert cache["OPTIONS"]["CONNECTION_POOL_KWARGS"]["retry"] == 0
        waits[alias] = float(query["socket_timeout"][0])
    assert waits["default"] < 0.5
    assert 3 < waits["worker"] < 10
