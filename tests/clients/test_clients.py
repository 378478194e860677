"""Clients that others generate of openapi.yaml: they compile, and the service understands them."""

import json
import re
from collections.abc import Callable

import pytest
import yaml

from dev.control import ROOT
from tests.client import PASSWORD, Person
from tests.clients.workshop import GO, JAVASCRIPT, prepare, run
from tests.deadline import wait_until
from tests.described import patterns_in
from tests.running import Service


@pytest.fixture(scope="session", autouse=True)
def _clients() -> None:
    prepare()


def test_a_generated_client_logs_in_and_reads_the_feed(
    service: Service, newcomer: Callable[[str], Person]
) -> None:
    alice, bob = newcomer("alice"), newcomer("bob")
    bob.follows(alice)
    post = alice.posts("안녕 👩‍👧, hello")
    wait_until(lambda: bob.feed_ids() == [post], 10, "the post in the feed")
    name = bob.done(200, "GET", "/users/me/")["username"]
    for folder, *command in ((JAVASCRIPT, "node", "built/read_feed.js"), (GO, f"{GO}/bin/clients")):
        printed = run(folder, *command, service.url, name, PASSWORD)
        assert printed == "안녕 👩‍👧, hello\n", command


TEXTS = [
    "",
    " ",
    "a",
    "Alice_1",
    "@alice",
    "a\tb",
    "a b ",
    "\xa0",
    "\xad",
    "\x1b[0m",
    "a\x7fb",
    "é",
]
TEXTS += ["1", "0123", "12345", "9" * 19, "-", "!~", "가나다", "\x85", "👩‍👧", "a" * 31, "a.b"]
IN_LINES = ["\n", "a\nb", "a\r\n", "\na", "\0", "a\0b"]


def test_patterns_mean_the_same_in_every_language() -> None:
    patterns = sorted(set(patterns_in(yaml.safe_load((ROOT / "openapi.yaml").read_text()))))
    assert len(patterns) > 5
    texts = TEXTS + IN_LINES
    given = json.dumps({"patterns": patterns, "texts": texts})
    python = [[bool(re.search(_whole(one), text)) for text in texts] for one in patterns]
    assert json.loads(run(JAVASCRIPT, "node", "match.mjs", given=given)) == [python, python]
    assert json.loads(run(GO, f"{GO}/bin/match", given=given)) == python
    for pattern, row in zip(patterns, python, strict=True):
        assert any(row) != all(row), pattern
        assert _matched_by_pcre(pattern) == {t for t, yes in zip(TEXTS, row, strict=False) if yes}


def _whole(pattern: str) -> str:
    r"""Python's $ also matches before a last line feed, unlike ECMAScript's and Go's."""
    return pattern.removesuffix("$") + r"\Z"


def _matched_by_pcre(pattern: str) -> set[str]:
    """By grep, which reads a line at a time."""
    matched = run(ROOT, "grep", "-P", "--", pattern, given="".join(f"{one}\n" for one in TEXTS))
    return set(matched.removesuffix("\n").split("\n"))
