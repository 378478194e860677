"""SIGTERM amid the work of a command that ends by itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts import clean_up
from accounts.models import RevokedToken, User
from conftest import Broker, Redis
from feeds import store
from feeds.events import FeedRecord
from feeds.management.commands.verify_feeds import USERS_PER_PAGE
from feeds.tests.conftest import crowd, dead_letter, edges, make_ready, stored_ids, write_posts
from feeds.tests.processes import ROOT, names
from follows.models import Follow
from newsfeed.events.models import DeadLetter
from newsfeed.events.registry import encode
from newsfeed.kafka import topic_admin
from posts.models import Post
from tests.deadline import wait_until
from tests.names import own

pytestmark = pytest.mark.usefixtures("transactional_db")

SECONDS = 60


def _stopped(
    begun: Callable[[], object], *command: str, then: Callable[[], None] = lambda: None
) -> list[str]:
    """What the command says that gets SIGTERM once it has begun, and `then`; it ends with 0."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=os.environ | names(),
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            wait_until(begun, SECONDS, f"{command[0]} is at work")
            running.send_signal(signal.SIGTERM)
            then()
            said, _ = running.communicate(timeout=SECONDS)
        except BaseException:
            running.kill()
            raise
    assert running.returncode == 0
    return said.splitlines()


def test_rebuild_feeds_ends_between_two_feeds(alice: User, redis: Redis) -> None:
    fans = crowd(3_000)
    edges(alice, fans)
    ids = write_posts(alice, 3)
    rebuilt, where = _stopped(lambda: redis.dbsize() > 3, "rebuild_feeds", "--all")
    done = redis.dbsize()
    last = fans[done - 2].pk  # alice's own was the first
    assert 3 < done < 3_000
    assert rebuilt == f"{done} feeds rebuilt"
    assert where == f"stopped after user {last}"
    assert all(stored_ids(fan.pk) == ids for fan in fans[: done - 1])


def test_verify_feeds_ends_between_two_pages(alice: User, redis: Redis, tmp_path: Path) -> None:
    users = [alice, *crowd(4 * USERS_PER_PAGE - 1)]
    for user in users:
        make_ready(user.pk, [999])

    def repaired() -> list[bool]:
        return [redis.zscore(store.key(user.pk), 999) is None for user in users]

    path = tmp_path / "feeds.prom"
    command = ("verify_feeds", "--all", "--repair", "--textfile", str(path))
    said = _stopped(lambda: any(repaired()), *command)
    done = repaired().count(True)
    assert done in (USERS_PER_PAGE, 2 * USERS_PER_PAGE, 3 * USERS_PER_PAGE)
    assert repaired() == [True] * done + [False] * (len(users) - done)
    assert f"repaired {done}" in said
    assert f"ready {done}" in said
    assert not path.exists()


def test_replay_dead_letters_ends_between_two_letters(broker: Broker, settings: Settings) -> None:
    settings.KAFKA_TOPIC_PREFIX = own("stopping-")
    topic_admin.ensure_topics(1)
    now = timezone.now()
    DeadLetter.objects.bulk_create(
        dead_letter(encode(FeedRecord(n, 1, 2, "x", now)), n) for n in range(1, 15_001)
    )
    settled = DeadLetter.objects.exclude(replayed_at=None)
    (said,) = _stopped(settled.exists, "replay_dead_letters")
    assert 1 <= settled.count() < 15_000
    assert said == f"replayed {settled.count()}, failed 0"
    assert settled.order_by("-pk")[0].pk - settled.order_by("pk")[0].pk == settled.count() - 1


def test_clean_up_ends_between_two_chunks() -> None:
    past = timezone.now() - timedelta(days=1)
    RevokedToken.objects.bulk_create(
        RevokedToken(jti=f"{n}", expires_at=past + timedelta(seconds=n))
        for n in range(5 * clean_up.CHUNK)
    )
    left = RevokedToken.objects.count
    with ExitStack() as locked:
        # However fast it is, the command waits there.
        locked.enter_context(transaction.atomic())
        RevokedToken.objects.select_for_update().get(jti=f"{2 * clean_up.CHUNK}")
        said = _stopped(lambda: left() == 3 * clean_up.CHUNK, "clean_up", then=locked.close)
    assert left() == 2 * clean_up.CHUNK
    assert [line for line in said if " 0 rows" not in line] == [
        f"deleted {3 * clean_up.CHUNK} rows of auth_revoked_tokens"
    ]


def test_seed_demo_tells_what_it_has_made() -> None:
    (said,) = _stopped(User.objects.exists, "seed_demo", "--users", "3000")
    made = User.objects.count()
    assert 1 <= made < 3_000
    assert said == f"{made} users, 0 follows, 0 posts"
    assert not Follow.objects.exists()
    assert not Post.objects.exists()
