"""What openapi.yaml says of each operation, and that nothing is left unsaid."""

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from django.core.management import call_command
from jsonschema import Draft202012Validator

from tests.described import patterns_in

ROOT = Path(__file__).parents[2]
OPENAPI = ROOT / "openapi.yaml"
SCHEMA: dict[str, Any] = yaml.safe_load(OPENAPI.read_text())
PROBLEM_JSON = "application/problem+json"


class Operation(NamedTuple):
    label: str
    path: str
    described: dict[str, Any]

    def answers(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for status, answer in self.described["responses"].items():
            yield int(status), _resolved(answer)

    def bodies(self) -> Iterator[dict[str, Any]]:
        """Media types with their schemas and examples, of the request and of all answers."""
        contents = [answer.get("content", {}) for _, answer in self.answers()]
        contents.append(self.described.get("requestBody", {}).get("content", {}))
        for content in contents:
            yield from content.values()


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: Any = SCHEMA
    for name in node.get("$ref", "").split("/")[1:]:
        found = found[name]
    return found if "$ref" in node else node


OPERATIONS = [
    Operation(f"{method.upper()} {path}", path, described)
    for path, methods in SCHEMA["paths"].items()
    for method, described in methods.items()
]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)


def gaps(operation: Operation) -> Iterator[str]:
    """What a reader of openapi.yaml would miss."""
    described = operation.described
    if not described.get("summary"):
        yield "no summary"
    if not _NAME.fullmatch(described["operationId"]):
        yield f"operationId {described['operationId']}"
    if set(described["tags"]) - {tag["name"] for tag in SCHEMA["tags"] if tag["description"]}:
        yield f"tags {described['tags']} are not described"
    for parameter in described.get("parameters", []):
        if not parameter.get("description"):
            yield f"parameter {parameter['name']} is not described"
    if not all(media.get("examples") for media in operation.bodies()):
        yield "a body without an example"
    yield from _gaps_of_answers(operation)


# A verb and what it is done to; not users_create, as drf-spectacular makes them of paths.
_NAME = re.compile(r"(?!.*_(create|retrieve|partial_update|destroy|list)$)[a-z]+(_[a-z]+)+")


def _gaps_of_answers(operation: Operation) -> Iterator[str]:
    answers = dict(operation.answers())
    for status in sorted(_statuses(operation) - set(answers)):
        yield f"no {status}"
    for status, answer in answers.items():
        if not answer["description"]:
            yield f"{status} is not described"
        if status >= 400 and list(answer["content"]) != [PROBLEM_JSON]:
            yield f"{status} is no problem"


def _statuses(operation: Operation) -> set[int]:
    """Of the errors that an operation may end in by its nature."""
    described = operation.described
    statuses = {406, 429, 503}
    places = {parameter["in"] for parameter in described.get("parameters", [])}
    if {"jwt": []} in described["security"]:
        statuses.add(401)
    if "requestBody" in described:
        statuses |= {400, 413, 415}
    if "query" in places:
        statuses.add(400)
    if "path" in places:
        statuses.add(404)
    return statuses


def test_the_file_is_what_the_code_says() -> None:
    schema = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=schema)
    assert yaml.safe_load(schema.getvalue()) == SCHEMA


@each_operation
def test_an_operation_is_told_in_full(operation: Operation) -> None:
    assert list(gaps(operation)) == []


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        ({"summary": ""}, "no summary"),
        ({"operationId": "posts_create"}, "operationId posts_create"),
        ({"tags": ["new"]}, "tags ['new'] are not described"),
        ({"responses": {}}, "no 401"),
        ({"requestBody": {"content": {"application/json": {}}}}, "a body without an example"),
        ({"responses": {"404": {"description": "", "content": {}}}}, "404 is no problem"),
    ],
)
def test_a_gap_is_seen(change: dict[str, Any], gap: str) -> None:
    whole = next(one for one in OPERATIONS if one.described["operationId"] == "create_post")
    assert gap not in gaps(whole)
    assert gap in gaps(whole._replace(described=whole.described | change))


def test_patterns_use_only_what_all_engines_have() -> None:
    """RE2, PCRE, ECMAScript with and without its flag u; `make test-clients` asks them."""
    patterns = set(patterns_in(SCHEMA))
    assert len(patterns) > 5
    for pattern in patterns:
        assert pattern.isascii()
        assert not re.search(r"\\(?!x[0-9a-f]{2}|[tnr])|\(\?|[*+}]\+", pattern), pattern


@each_operation
def test_the_examples_are_as_their_schemas_say(operation: Operation) -> None:
    for media in operation.bodies():
        checker = Draft202012Validator({**media["schema"], "components": SCHEMA["components"]})
        for example in media["examples"].values():
            assert _told_nulls(checker, example["value"]) == []


def _told_nulls(checker: Draft202012Validator, example: object) -> list[str]:
    """The errors, but that OpenAPI 3.0 says `nullable` where JSON Schema has a type for null."""
    return [error.message for error in checker.iter_errors(example) if error.instance is not None]


@each_operation
def test_the_examples_of_problems_are_of_this_operation(operation: Operation) -> None:
    route = re.compile(re.sub(r"\{\w+\}", r"\\d+", operation.path))
    for status, answer in operation.described["responses"].items():
        for media in answer.get("content", {}).values() if int(status) >= 400 else ():
            for example in media["examples"].values():
                assert route.fullmatch(example["value"]["instance"])
                assert example["value"]["status"] == int(status)
