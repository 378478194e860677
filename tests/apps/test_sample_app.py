"""An app is added by its folder and one line of settings, and is gone when the line is."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from conftest import Broker
from feeds.tests.processes import names
from tests.mutation.tree import copy_tree
from tests.processes import Program

ADDED = 'APPS = ["sample", "'
LINE = 'APPS = ["'


class Site:
    """A copy of the project."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.manage_py = folder, str(folder / "manage.py")
        copy_tree(folder)
        shutil.copytree(Path(__file__).parent / "sample", folder / "sample")

    def change_the_line(self, before: str, after: str) -> None:
        settings = self._folder / "newsfeed" / "settings.py"
        text = settings.read_text()
        assert text.count(before) == 1
        settings.write_text(text.replace(before, after))

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, self.manage_py, *arguments]
        env = os.environ | names()
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def sample(self, action: str, user: User) -> Any:
        run = self.manage("sample", action, str(user.pk))
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)


@pytest.fixture
def site(transactional_db: None, broker: Broker, tmp_path: Path) -> Iterator[Site]:
    """With the sample in it, and its table."""
    site = Site(tmp_path / "site")
    site.change_the_line(LINE, ADDED)
    assert site.manage("migrate", "sample").returncode == 0
    yield site
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE sample_note")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sample'")


def _is_read() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM sample_note WHERE read_at IS NOT NULL")
        return bool(cursor.fetchone()[0])


def test_a_sample_app_has_all_of_the_house_until_its_line_is_taken_away(
    site: Site, alice: User, tmp_path: Path
) -> None:
    assert set(site.sample("show", alice).values()) == {True}, site.sample("show", alice)
    assert site.sample("write", alice)
    assert not _is_read()
    consumer = Program(tmp_path / "log", site.manage_py, "consume", "sample", **names())
    with consumer:
        consumer.wait_until(_is_read)
        assert consumer.end() == 0
    assert site.sample("erase", alice) == 0

    site.change_the_line(ADDED, LINE)
    gone = site.manage("consume", "sample")
    assert gone.returncode == 1
    assert "There is no consumer sample. There are: feed, visibility." in gone.stderr
    assert "Unknown command: 'sample'" in site.manage("sample", "show", "1").stderr
