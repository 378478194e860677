import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test.utils import override_settings

from newsfeed import checks


def _signed_with(key: str) -> dict[str, object]:
    return {"SIGNING_KEY": key, "REFRESH_TOKEN_LIFETIME": timedelta(days=30)}


GOOD: dict[str, Any] = {
    "DEBUG": False,
    "INSECURE_SECRET_KEY": "everybody-knows-this-one-and-it-is-long",
    "SECRET_KEY": "nobody-knows-this-one-and-it-is-long-too",
    "SIMPLE_JWT": _signed_with(32 * "k"),
    "JWT_KEY_GRACE_DAYS": 31,
    "KAFKA_ACKS": "all",
    "KAFKA_MIN_INSYNC_REPLICAS": 2,
    "KAFKA_REPLICATION_FACTOR": 3,
} | dict.fromkeys(("FEED_MAX_LENGTH", "FANOUT_INLINE_LIMIT", "KAFKA_PARTITIONS"), 1)


@pytest.fixture(autouse=True)
def _good_settings() -> Iterator[None]:
    with override_settings(**GOOD):
        yield


def _problems(**changed: object) -> list[str]:
    """The ids of what is wrong with these settings, the others being good."""
    with override_settings(**changed):
        return [str(problem.id) for problem in checks.check_settings()]


def _message(**changed: object) -> str:
    with override_settings(**changed):
        (problem,) = checks.check_settings()
    return problem.msg


@pytest.mark.parametrize("path", ["", "/admin/", "admin", "api/admin/", "a b/", "<int:x>/", "//"])
def test_an_admin_path_that_cannot_be_reached_is_refused(path: str) -> None:
    assert _problems(ADMIN_PATH="back-office/2/") == []
    assert _problems(ADMIN_PATH=path) == ["newsfeed.E010"]


def test_good_settings_are_no_problem() -> None:
    assert _problems() == []


def test_the_key_for_development_is_refused_elsewhere() -> None:
    known = GOOD["INSECURE_SECRET_KEY"]
    assert _problems(SECRET_KEY=known, DEBUG=True) == []
    assert _problems(SECRET_KEY=known) == ["newsfeed.E001"]
    assert _problems(SECRET_KEY=known + "!") == []


def test_tokens_are_signed_with_32_bytes_or_more() -> None:
    assert _problems(SIMPLE_JWT=_signed_with(31 * "k")) == ["newsfeed.E002"]
    assert _problems(SIMPLE_JWT=_signed_with("")) == ["newsfeed.E002"]
    assert _problems(SIMPLE_JWT=_signed_with(11 * "키")) == []  # 33 bytes


def test_a_retired_key_verifies_for_longer_than_a_refresh_token_lives() -> None:
    assert _problems(JWT_KEY_GRACE_DAYS=31) == []
    assert _problems(JWT_KEY_GRACE_DAYS=30) == ["newsfeed.E007"]
    assert "JWT_KEY_GRACE_DAYS is 30; it must be above 30" in _message(JWT_KEY_GRACE_DAYS=30)


@pytest.mark.parametrize("acks", ["0", "2", "", "ALL", "-1"])
def test_acks_are_all_or_1(acks: str) -> None:
    assert _problems(KAFKA_ACKS="1") == []
    assert _problems(KAFKA_ACKS=acks) == ["newsfeed.E003"]
    assert repr(acks) in _message(KAFKA_ACKS=acks)


def test_acks_of_all_want_a_number_of_replicas() -> None:
    assert _problems(KAFKA_MIN_INSYNC_REPLICAS=None) == ["newsfeed.E004"]
    assert _problems(KAFKA_MIN_INSYNC_REPLICAS=None, KAFKA_ACKS="1") == []


@pytest.mark.parametrize(
    ("in_sync", "replicas", "problems"),
    [
        (1, 1, []),
        (2, 3, []),
        (3, 3, []),
        (2, 1, ["newsfeed.E005"]),
        (4, 3, ["newsfeed.E005"]),
        (0, 3, ["newsfeed.E005"]),
        (-1, 3, ["newsfeed.E005"]),
    ],
)
def test_no_more_replicas_can_be_in_sync_than_there_are(
    in_sync: int, replicas: int, problems: list[str]
) -> None:
    changed = {"KAFKA_MIN_INSYNC_REPLICAS": in_sync, "KAFKA_REPLICATION_FACTOR": replicas}
    assert _problems(**changed) == problems


@pytest.mark.parametrize("name", checks.POSITIVE)
def test_sizes_limits_and_days_are_at_least_1(name: str) -> None:
    one_replica = {"KAFKA_MIN_INSYNC_REPLICAS": 1}
    assert _problems(**one_replica | {name: 1}) == []
    for value in (0, -1):
        assert "newsfeed.E006" in _problems(**one_replica | {name: value})


def test_a_message_names_the_setting_and_its_value() -> None:
    assert _message(FEED_MAX_LENGTH=0) == "FEED_MAX_LENGTH is 0; it must be at least 1."
    assert _message(KAFKA_MIN_INSYNC_REPLICAS=4) == (
        "KAFKA_MIN_INSYNC_REPLICAS is 4; with KAFKA_REPLICATION_FACTOR=3"
        " it must be from 1 to 3, or no record can be written."
    )


LIMIT_SENTENCES = {
    "default=100/m,login=5": (
        "RATE_LIMITS has 'login=5'; a limit looks like login=5/m, with s, m or h."
    ),
    "default=100/m,logn=5/m": "RATE_LIMITS names logn: there is no such endpoint.",
}


def test_limits_are_of_endpoints_that_there_are() -> None:
    assert _problems(RATE_LIMITS="default=100/m,feed=3/s,login-address=7/h") == []
    for text, sentence in LIMIT_SENTENCES.items():
        assert _problems(RATE_LIMITS=text) == ["newsfeed.E008"]
        assert _message(RATE_LIMITS=text) == sentence


def test_there_are_no_fewer_proxies_than_none() -> None:
    drf = django_settings.REST_FRAMEWORK
    assert _problems(REST_FRAMEWORK=drf | {"NUM_PROXIES": 0}) == []
    assert _problems(REST_FRAMEWORK=drf | {"NUM_PROXIES": -1}) == ["newsfeed.E011"]
    assert _problems(FORWARDED_HEADER="forwarded") == []
    assert _problems(FORWARDED_HEADER="x-real-ip") == ["newsfeed.E011"]


PRIMARY = {"ENGINE": "django.db.backends.mysql", "HOST": "db", "PORT": "", "NAME": "newsfeed"}
LIKE = "DATABASE_REPLICA_URL must be like mysql://user:password@host:3306/newsfeed, a copy of"


@pytest.mark.parametrize(
    ("different", "sentence"),
    [
        ({"HOST": "other"}, ""),
        ({"PORT": 3307}, ""),
        ({}, "DATABASE_REPLICA_URL names the server of DATABASE_URL; it must name another one"),
        ({"HOST": "DB", "PORT": 3306}, "DATABASE_REPLICA_URL names the server of DATABASE_URL"),
        ({"HOST": "other", "ENGINE": "django.db.backends.postgresql"}, LIKE),
        ({"HOST": "other", "NAME": "feed"}, LIKE),
        ({"HOST": ""}, LIKE),
    ],
)
def test_a_replica_is_a_copy_on_another_server(different: dict[str, Any], sentence: str) -> None:
    databases = {"default": PRIMARY, "replica": PRIMARY | different}
    with patch.object(django_settings, "DATABASES", databases):
        problems = [problem.msg for problem in checks.check_settings()]
    assert len(problems) == bool(sentence)
    assert "".join(problems).startswith(sentence)


CLUSTER = "A cluster is named like redis+cluster://node:6379,node:6379."
CLUSTER_SENTENCES = {
    "redis+cluster://r/2": "REDIS_URL names a database; a cluster has no other than 0.",
    "rediss+cluster://r?db=2": "REDIS_URL names a database; a cluster has no other than 0.",
    "redis+cluster://": "REDIS_URL lacks the name of a node.",
    "redis+cluster://:p@r:1,:2": "REDIS_URL lacks the name of a node.",
    "redis+cluster://r:1,r:x": "REDIS_URL has a wrong port in 'r:x'.",
}


def test_a_cluster_of_redis_has_nodes_and_no_databases() -> None:
    for url in (
        "redis+cluster://:p%40@r:7000,s,[::1]:1",
        "rediss+cluster://r:7000/0",
        "redis://r/2",
    ):
        assert _problems(REDIS_URL=url) == []
    for url, sentence in CLUSTER_SENTENCES.items():
        assert _problems(REDIS_URL=url) == ["newsfeed.E013"]
        assert _message(REDIS_URL=url) == f"{sentence} {CLUSTER}"


def test_logs_have_one_of_two_forms() -> None:
    for form in ("json", "line"):
        assert _problems(LOG_FORMAT=form) == []
    assert _message(LOG_FORMAT="xml") == "LOG_FORMAT is 'xml'; it must be json or line."


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert _problems(KAFKA_ACKS="0", KAFKA_PARTITIONS=0, SIMPLE_JWT=_signed_with("k")) == [
        "newsfeed.E002",
        "newsfeed.E003",
        "newsfeed.E006",
    ]


def _serve(**variables: str) -> "subprocess.CompletedProcess[str]":
    """What gunicorn does first."""
    return subprocess.run(
        [sys.executable, "-c", "import newsfeed.wsgi"],
        env={"PATH": os.environ["PATH"], "KAFKA_MIN_INSYNC_REPLICAS": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_api_does_not_start_with_wrong_settings() -> None:
    served = _serve(SECRET_KEY="x" * 50)
    assert served.returncode == 0, served.stderr
    refused = _serve()
    assert refused.returncode == 1
    assert "SECRET_KEY is not set." in refused.stderr


def test_the_check_command_fails_with_the_sentence() -> None:
    output = StringIO()
    call_command("check", stdout=output)
    assert "no issues" in output.getvalue()
    sentence = "KAFKA_ACKS is '0'; it must be all or 1."
    with override_settings(KAFKA_ACKS="0"), pytest.raises(SystemCheckError, match=sentence):
        call_command("check")
