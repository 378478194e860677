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

GOOD: dict[str, Any] = {
    "DEBUG": False,
    "INSECURE_SECRET_KEY": "everybody-knows-this-one-and-it-is-long",
    "SECRET_KEY": "nobody-knows-this-one-and-it-is-long-too",
    "SIMPLE_JWT": {"REFRESH_TOKEN_LIFETIME": timedelta(days=30)},
    "JWT_KEY_GRACE_DAYS": 31,
    "KAFKA_ACKS": "all",
    "KAFKA_MIN_INSYNC_REPLICAS": 2,
    "KAFKA_REPLICATION_FACTOR": 3,
}


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


def test_good_settings_are_no_problem() -> None:
    assert _problems() == []


def test_the_key_for_development_is_refused_elsewhere() -> None:
    known = GOOD["INSECURE_SECRET_KEY"]
    assert _problems(SECRET_KEY=known, DEBUG=True) == []
    assert _problems(SECRET_KEY=known) == ["newsfeed.E001"]
    assert _problems(SECRET_KEY=known + "!") == []


def test_a_retired_key_verifies_for_longer_than_a_refresh_token_lives() -> None:
    assert _problems(JWT_KEY_GRACE_DAYS=31) == []
    assert _problems(JWT_KEY_GRACE_DAYS=30) == ["newsfeed.E007"]
    assert "JWT_KEY_GRACE_DAYS is 30; it must be above 30" in _message(JWT_KEY_GRACE_DAYS=30)


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


def test_a_message_names_the_setting_and_its_value() -> None:
    assert _message(KAFKA_MIN_INSYNC_REPLICAS=4) == (
        "KAFKA_MIN_INSYNC_REPLICAS is 4; with KAFKA_REPLICATION_FACTOR=3"
        " it must be from 1 to 3, or no record can be written."
    )


def test_limits_are_of_endpoints_that_there_are() -> None:
    assert _problems(RATE_LIMITS="default=100/m,feed=3/s,login-address=7/h") == []
    sentence = "RATE_LIMITS names logn: there is no such endpoint."
    assert _message(RATE_LIMITS="default=100/m,logn=5/m") == sentence


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


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert _problems(KAFKA_MIN_INSYNC_REPLICAS=4, JWT_KEY_GRACE_DAYS=30) == [
        "newsfeed.E007",
        "newsfeed.E005",
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
    assert refused.returncode == 3  # gunicorn tries no other worker
    assert "SECRET_KEY is not set." in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_check_command_fails_with_the_sentence() -> None:
    output = StringIO()
    call_command("check", stdout=output)
    assert "no issues" in output.getvalue()
    sentence = "JWT_KEY_GRACE_DAYS is 30; it must be above 30"
    with override_settings(JWT_KEY_GRACE_DAYS=30), pytest.raises(SystemCheckError, match=sentence):
        call_command("check")
