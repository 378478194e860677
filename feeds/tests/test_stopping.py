"""SIGTERM amid the work of a command that ends by itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from itertools import count
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts import clean_up
from accounts.management.commands import clean_up as clean_up_command
from accounts.models import RevokedToken, User
from conftest import Broker, Redis
from dev.control import ROOT
from feeds import services, store
from feeds.events import FeedRecord
from feeds.management.commands import verify_feeds
from feeds.tests.conftest import crowd, dead_letter, edges, make_ready, stored_ids, write_posts
from feeds.tests.processes import names
from follows.models import Follow
from newsfeed.events import replay
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import encode
from newsfeed.kafka import topic_admin
from posts.models import Post
from tests.deadline import wait_until
from tests.names import own

SECONDS = 60
Stop = Callable[..., list[str]]


@pytest.fixture
def stopped_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    """Runs a command that gets SIGTERM in the nth call of a function. Returns what it prints."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a deaf command must not end pytest

    def run(owner: object, function: str, nth: int, *command: str) -> list[str]:
        work, calls, out = getattr(owner, function), count(1), StringIO()

        def work_and_signal(*args: object, **options: object) -> object:
            if next(calls) == nth:
                signal.raise_signal(signal.SIGTERM)
            return work(*args, **options)

        monkeypatch.setattr(owner, function, work_and_signal)
        call_command(*command, stdout=out)
        return out.getvalue().splitlines()

    yield run
    signal.signal(signal.SIGTERM, before)


def test_rebuild_feeds_ends_between_two_feeds(alice: User, redis: Redis, stopped_in: Stop) -> None:
    fans = crowd(5)
    edges(alice, fans)
    ids = write_posts(alice, 3)
    said = stopped_in(services, "rebuild", 3, "rebuild_feeds", "--all")
    # Alice's own was the first.
    assert said == ["3 feeds rebuilt", f"stopped after user {fans[1].pk}"]
    assert redis.dbsize() == 3
    assert [stored_ids(fan.pk) for fan in fans[:2]] == [ids, ids]


def test_verify_feeds_ends_between_two_pages(
    db: None, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: Stop
) -> None:
    monkeypatch.setattr(verify_feeds, "USERS_PER_PAGE", 2)
    users, path = crowd(6), tmp_path / "feeds.prom"
    for user in users:
        make_ready(user.pk, [999])
    command = ("verify_feeds", "--all", "--repair", "--textfile", str(path))
    said = stopped_in(verify_feeds, "verify", 2, *command)
    repaired = [redis.zscore(store.key(user.pk), 999) is None for user in users]
    assert repaired == [True] * 4 + [False] * 2
    assert {"ready 4", "repaired 4"} <= set(said)
    assert not path.exists()


def test_replay_dead_letters_ends_between_two_letters(
    db: None, broker: Broker, settings: Settings, stopped_in: Stop
) -> None:
    settings.KAFKA_TOPIC_PREFIX = own("stopping-")
    topic_admin.ensure_topics(1)
    now = timezone.now()
    DeadLetter.objects.bulk_create(
        dead_letter(encode(FeedRecord(n, 1, 2, "x", now)), n) for n in range(1, 6)
    )
    said = stopped_in(replay, "apply_again", 2, "replay_dead_letters")
    assert said == ["replayed 2, failed 0"]
    letters = DeadLetter.objects.order_by("pk")
    assert [letter.replayed_at is not None for letter in letters] == [True] * 2 + [False] * 3


def test_clean_up_ends_between_two_chunks(
    db: None, monkeypatch: pytest.MonkeyPatch, stopped_in: Stop
) -> None:
    monkeypatch.setattr(clean_up, "CHUNK", 2)
    past = timezone.now() - timedelta(days=1)
    RevokedToken.objects.bulk_create(
        RevokedToken(jti=f"{n}", expires_at=past + timedelta(seconds=n)) for n in range(5)
    )
    # The first call finds no refresh tokens.
    said = stopped_in(clean_up_command, "delete_expired", 2, "clean_up")
    assert [line for line in said if " 0 rows" not in line] == [
        "deleted 2 rows of auth_revoked_tokens"
    ]
    assert set(RevokedToken.objects.values_list("jti", flat=True)) == {"2", "3", "4"}


@pytest.mark.usefixtures("transactional_db")
def test_a_process_that_gets_the_signal_exits_with_0_and_tells_what_it_has_made() -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "seed_demo", "--users", "3000"],
        cwd=ROOT,
        env=os.environ | names(),
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            wait_until(User.objects.exists, SECONDS, "it is at work")
            running.send_signal(signal.SIGTERM)
            said, _ = running.communicate(timeout=SECONDS)
        except BaseException:
            running.kill()
            raise
    assert running.returncode == 0
    made = User.objects.count()
    assert 1 <= made < 3_000
    assert said == f"{made} users, 0 follows, 0 posts\n"
    assert not Follow.objects.exists()
    assert not Post.objects.exists()
