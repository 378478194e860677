"""An app's tables are its own: hand-written SQL elsewhere joins them unseen by import-linter."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings

ROOT = Path(__file__).parents[1]
# The home feed is posts of followed users: one query reads all three.
ALSO = {"feeds/selectors.py": {"posts", "follows", "users"}}
SQL = re.compile(r'"""(?:[^"]|"(?!""))*?"""|"[^"\n]*"')
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+`?([a-z_]+)`?")


def _named_tables(path: Path) -> set[str]:
    """After FROM and the like, in capital letters as all SQL here is written."""
    strings = SQL.findall(path.read_text())
    return {table for text in strings for table in TABLE.findall(text)}


def _owners() -> dict[str, str]:
    return {model._meta.db_table: model._meta.app_label for model in apps.get_models()}


def _modules() -> Iterator[str]:
    for app in [*settings.APPS, "newsfeed"]:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                yield str(path.relative_to(ROOT))


def test_hand_written_sql_names_only_tables_of_its_own_app() -> None:
    owners = _owners()
    foreign = {}
    for module in _modules():
        mine = set(module.split("/")[:2])  # an app, or one of newsfeed's
        tables = {t for t in _named_tables(ROOT / module) if owners.get(t, "") not in {*mine, ""}}
        if tables:
            foreign[module] = tables
    assert foreign == ALSO
