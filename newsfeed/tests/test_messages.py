"""Messages in the language of the reader."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

ROOT = Path(__file__).parents[2]
PO = ROOT / "locale" / "ko" / "LC_MESSAGES" / "django.po"
ME = "/api/v1/users/me/"
KOREAN = {"accept-language": "ko-KR,ko;q=0.9,en;q=0.5"}
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
GETTEXT = {"_", "gettext", "gettext_lazy"}
RAISED = re.compile(
    r"(NotFound|Conflict|ValidationError|AuthenticationFailed|PermissionDenied|NotAuthenticated"
    r"|ParseError|ContentTooLarge|APIException)$"
)


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A request leaves its language to its thread, and the test client's is that of the tests."""
    yield
    translation.deactivate()


def test_a_problem_is_told_in_the_language_that_is_asked_for(client: APIClient) -> None:
    korean = client.get("/nothing", headers=KOREAN)
    english = client.get("/nothing", headers={"accept-language": "fr"})
    assert korean.json()["title"] == "찾을 수 없음"
    assert korean.json()["detail"] == "이 경로에는 아무것도 없습니다."
    assert korean.headers["Content-Language"] == "ko"
    assert english.json()["title"] == "Not Found"
    assert "Accept-Language" in english.headers["Vary"]


def test_types_and_fields_are_the_same_in_every_language(as_alice: APIClient) -> None:
    problems = [
        as_alice.post("/api/v1/posts/", {"content": " ", "x": 1}, headers=headers).json()
        for headers in ({}, KOREAN)
    ]
    for problem in problems:
        assert problem["type"] == "/problems/validation"
        assert [error["field"] for error in problem["errors"]] == ["content", "x"]
    english, korean = (problem["errors"][1]["message"] for problem in problems)
    assert (english, korean) == ("There is no such field.", "그런 필드가 없습니다.")


def test_messages_with_numbers_and_those_of_the_libraries_are_translated(
    as_alice: APIClient, client: APIClient, settings: Settings
) -> None:
    page = as_alice.get("/api/v1/feed/", {"limit": 500}, headers=KOREAN).json()
    assert page["errors"][0]["message"] == "1부터 100까지의 정수여야 합니다."
    anonymous = client.get(ME, headers=KOREAN).json()
    assert re.search("[가-힣]", anonymous["detail"])
    settings.RATE_LIMITS = "default=1/m"
    refusal = [as_alice.get(ME, headers=KOREAN) for _ in range(2)][1].json()
    assert refusal["title"] == "요청이 너무 많음"
    assert re.search("[가-힣]", refusal["detail"])


def test_the_log_stays_english(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/nothing", headers=KOREAN)
    assert [record.getMessage() for record in caplog.records] == ["request"]


def _catalogue() -> dict[str, str]:
    """By the English message."""

    def text(quoted: str) -> str:
        return "".join(ast.literal_eval(line) for line in quoted.splitlines())

    return {text(id_): text(string) for id_, string in ENTRY.findall(PO.read_text() + "\n")}


def test_the_compiled_catalogue_is_in_step_with_its_source() -> None:
    with PO.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    source = _catalogue()
    assert len(source) > 40
    assert {id_: string for id_, string in compiled.items() if id_} == {
        id_: string for id_, string in source.items() if id_
    }


def _sources() -> Iterator[tuple[Path, ast.AST]]:
    for app in ("newsfeed", "accounts", "posts", "follows", "moderation", "feeds", "discovery"):
        for path in (ROOT / app).rglob("*.py"):
            if not {"tests", "migrations", "management", "admin.py"} & set(path.parts):
                yield path, ast.parse(path.read_text())


def _calls() -> Iterator[tuple[str, str, list[ast.expr]]]:
    """Where, what is called, and with what."""
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                yield f"{path.relative_to(ROOT)}:{node.lineno}", name, node.args


def test_every_marked_message_is_translated() -> None:
    catalogue, found = _catalogue(), 0
    for place, name, arguments in _calls():
        if name in GETTEXT and arguments and isinstance(arguments[0], ast.Constant):
            message = str(arguments[0].value)
            found += 1
            assert catalogue.get(message), f"{place}: {message}"
            for part in re.findall(r"%\(\w+\)[sd]", message):
                assert part in catalogue[message], f"{place}: {message}"
    assert found > 40


def test_every_message_that_is_raised_is_marked() -> None:
    for place, name, arguments in _calls():
        if RAISED.search(name):
            for argument in arguments:
                assert not list(_bare(argument)), f"{place}: {name} with a text that is not marked"


def _bare(node: ast.expr) -> Iterator[str]:
    """Texts in what an exception is raised with; names of fields are none."""
    if isinstance(node, ast.JoinedStr):
        yield "f-string"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from _bare(value)
    elif isinstance(node, ast.List):
        for value in node.elts:
            yield from _bare(value)
