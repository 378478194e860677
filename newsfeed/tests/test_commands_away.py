"""A command that cannot do its work says why in one line, and exits 1.

Each is run in this process, as manage.py runs it.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import get_commands
from django.db import OperationalError
from pytest_django.fixtures import Settings

from accounts.models import User
from newsfeed import command_line
from newsfeed.command_line import main
from newsfeed.kafka.topics import Topic

ROOT = Path(__file__).parents[2]
OURS = ("newsfeed", "accounts", "posts", "follows", "moderation", "feeds", "discovery")
AGAIN = ["--topic", "TODAY", "--from-beginning", "--once"]
# By command: the servers that it cannot do without, and arguments with which it asks them.
NEEDS: dict[str, list[tuple[str, list[str]]]] = {
    "clean_up": [("MySQL", [])],
    "consume": [("Kafka", ["feed", *AGAIN])],
    "consume_feed": [("Kafka", AGAIN)],
    "enroll_totp": [("MySQL", ["alice"])],
    "erase_deleted": [("MySQL", [])],
    "rebuild_feeds": [("MySQL", ["--all"]), ("Redis", ["--all"])],
    "relay_outbox": [],
    "replay_dead_letters": [("Kafka", []), ("MySQL", [])],
    "rotate_jwt_keys": [("MySQL", [])],
    "seed_demo": [("MySQL", [])],
    "topics": [("Kafka", ["list"]), ("Kafka", ["ensure"]), ("Kafka", ["prune"])],
    "verify_feeds": [("MySQL", ["--all"]), ("Redis", ["--all"])],
    # Django's own.
    "migrate": [("MySQL", [])],
    "createsuperuser": [("MySQL", ["--noinput", "--username=x", "--email=x@example.com"])],
}
CASES = [(name, *need) for name, needs in NEEDS.items() for need in needs]
Away = Callable[[], AbstractContextManager[object]]


def test_every_command_of_ours_is_among_these() -> None:
    ours = {name for name, app in get_commands().items() if str(app).split(".")[0] in OURS}
    assert ours - set(NEEDS) == set()


Run = Callable[..., tuple[object, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The exit code of a command, and what it says on stderr."""

    def run_command(*argv: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as end:
            main(["manage.py", *argv])
        return end.value.code, capsys.readouterr().err

    return run_command


@pytest.fixture
def away(mysql_away: Away, redis_away: Away, kafka_away: Away) -> dict[str, Away]:
    return {"MySQL": mysql_away, "Redis": redis_away, "Kafka": kafka_away}


@pytest.mark.parametrize(("name", "server", "arguments"), CASES)
def test_without_a_server_it_says_so_in_a_line(
    run: Run, alice: User, away: dict[str, Away], name: str, server: str, arguments: list[str]
) -> None:
    with away[server]():
        code, said = run(name, *(Topic.FEED.today() if a == "TODAY" else a for a in arguments))
    assert code == 1
    [line] = said.splitlines()
    assert f"{server} does not answer" in line


@pytest.mark.parametrize("path", ["", "/metrics.prom", "metrics.prom"])
def test_metrics_that_cannot_be_written_are_told_in_a_line(
    run: Run, transactional_db: None, tmp_path: Path, path: str
) -> None:
    (tmp_path / "metrics.prom").mkdir()
    wrong = "/proc/metrics.prom" if path.startswith("/") else str(tmp_path / path)
    code, said = run("verify_feeds", "--textfile", wrong)
    assert code == 1
    [line] = said.splitlines()
    assert wrong in line


def test_static_files_that_cannot_be_written_are_told_in_a_line(
    run: Run, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "file").touch()
    settings.STATIC_ROOT = str(tmp_path / "file" / "static")
    code, said = run("collectstatic", "--no-input")
    assert code == 1
    [line] = said.splitlines()
    assert line.startswith(str(tmp_path / "file"))
    assert line.endswith(": Not a directory")


def test_ctrl_c_ends_a_command_without_a_word(run: Run) -> None:
    with patch.object(command_line, "execute_from_command_line", side_effect=KeyboardInterrupt):
        assert run("check") == (130, "")


@pytest.mark.parametrize(
    ("error", "argv"),
    [
        (ValueError("a bug"), ["check"]),
        (OperationalError(1054, "Unknown column"), ["check"]),
        (OperationalError(2003, "away"), ["check", "--traceback"]),
    ],
)
def test_a_bug_keeps_its_traceback_and_who_asks_gets_one(error: Exception, argv: list[str]) -> None:
    failing = patch.object(command_line, "execute_from_command_line", side_effect=error)
    with failing, pytest.raises(type(error)):
        main(["manage.py", *argv])


WHILE_IMPORTING = """
import os, runpy, signal, sys
class CtrlC:
    def find_spec(self, name, *_):
        if name == imported:
            os.kill(os.getpid(), signal.SIGINT)
imported = sys.argv[2]
sys.meta_path.insert(0, CtrlC())
sys.argv[:] = [sys.argv[1], "run"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize(
    ("prefix", "script", "imported", "status"),
    [
        ([], "manage.py", "django.core.management", -signal.SIGINT),
        (["env", "--block-signal=INT"], "dev/stack.py", "dev.supervised", 130),
    ],
)
def test_ctrl_c_while_python_imports_leaves_no_traceback(
    prefix: list[str], script: str, imported: str, status: int
) -> None:
    if prefix:
        assert f"exec {' '.join(prefix)} " in (ROOT / "bin" / "run").read_text()
    ended = subprocess.run(  # noqa: S603
        [*prefix, sys.executable, "-c", WHILE_IMPORTING, script, imported],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (status, "")
