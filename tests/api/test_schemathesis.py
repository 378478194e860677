"""Requests of all kinds, right and wrong, made of openapi.yaml."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from django.contrib.auth.hashers import make_password

from dev.control import ROOT
from tests.api.world import World
from tests.client import PASSWORD, Person
from tests.depth import deep
from tests.gunicorn import another_api
from tests.running import Service

PATHS = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
EACH_ALONE = "examples,coverage,fuzzing"
EXAMPLES = deep(200)
LIMIT_SECONDS = 900
STRANGERS = 20
FOR_ONE_REQUEST = 2400


@pytest.fixture
def api(service: Service) -> Iterator[str]:
    """The URL of one that hashes passwords at no cost, and refuses nobody for haste."""
    with another_api(service, {"DJANGO_SETTINGS_MODULE": "tests.api.settings"}) as url:
        yield url


@pytest.fixture
def world(service: Service, api: str, newcomer: Callable[[str], Person]) -> World:
    database = service.database
    alice = newcomer("alice")
    staff, *others = database.add_users(1 + STRANGERS + FOR_ONE_REQUEST)
    database.rows("UPDATE users SET is_staff = 1 WHERE id = %s", staff)
    hashed = make_password(PASSWORD, hasher="md5")
    database.rows("UPDATE users SET password = %s WHERE id >= %s", hashed, staff)
    authors = [alice.id, *others[:STRANGERS]]
    database.add_posts((author, f"post {number}") for number in range(10) for author in authors)
    posts = database.rows(
        "SELECT id FROM posts WHERE user_id IN (%s, %s) ORDER BY id", alice.id, others[0]
    )
    return World(
        alice=service.token(alice.id),
        staff=service.token(staff),
        others=[service.token(other) for other in others[STRANGERS:]],
        user_ids=authors,
        post_ids=[id_ for (id_,) in posts],
    )


def test_every_answer_is_as_the_documents_say(api: str, world: World, tmp_path: Path) -> None:
    operations = [
        described["operationId"] for methods in PATHS.values() for described in methods.values()
    ]
    # Making requests costs more than answering them, and a process has one core for it.
    runs = [
        Run(api, tmp_path / str(n), world._replace(others=world.others[n::3]), phases, some)
        for n, (phases, some) in enumerate(
            [(EACH_ALONE, operations[::2]), (EACH_ALONE, operations[1::2]), ("stateful", [])]
        )
    ]
    assert [run.finish() for run in runs] == [0, 0, 0]
    examples = sum((run.examples() for run in runs), Counter[str]())
    assert len(examples) == len(operations)
    assert min(examples.values()) >= EXAMPLES, examples


class Run:
    """Schemathesis at work."""

    def __init__(
        self, api: str, folder: Path, world: World, phases: str, operations: list[str]
    ) -> None:
        """Of all operations if none is named."""
        folder.mkdir()
        self._report, self._log = folder / "report.ndjson", folder / "log"
        saved = folder / "world.json"
        saved.write_text(json.dumps(world._asdict()))
        command = [sys.executable, "-m", "schemathesis.cli"]
        command += ["--config-file", "tests/api/schemathesis.toml", "run", "openapi.yaml"]
        command += ["--max-examples", str(EXAMPLES)]
        command += ["--url", api, "--phases", phases, "--report-ndjson-path", str(self._report)]
        for operation in operations:
            command += ["--include-operation-id", operation]
        env = os.environ | {"NEWSFEED_TEST_WORLD": str(saved)}
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)

    def finish(self) -> int:
        """The exit status. What it has to tell is printed."""
        try:
            self._process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        print(self._log.read_text())
        return self._process.returncode

    def examples(self) -> Counter[str]:
        """How many requests the fuzzing phase has made, by operation."""
        made = Counter[str]()
        for line in self._report.read_text().splitlines():
            scenario = json.loads(line).get("ScenarioFinished")
            if scenario and scenario["phase"] == "fuzzing":
                recorder = scenario["recorder"]
                made[recorder["label"]] += len(recorder["cases"])
        return made
