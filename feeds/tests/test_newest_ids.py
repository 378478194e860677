"""The walk in windows finds what one query over everything would find."""

from collections.abc import Sequence
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from feeds.selectors import newest_ids
from feeds.tests.conftest import crowd
from posts.models import Post

NEWEST = 2**63 - 1


def _brute_force(author_ids: Sequence[int], before: int, limit: int) -> list[int]:
    posts = Post.objects.visible().filter(user__in=author_ids, pk__lt=before).order_by("-pk")
    return list(posts.values_list("pk", flat=True)[:limit])


def _write(
    random: Random, authors: Sequence[User], count: int, step: int = 1, deleted: float = 0
) -> None:
    """Posts with gaps of up to `step` between the ids, this part of them deleted."""
    pk = 0
    posts = []
    for _ in range(count):
        pk += random.randint(1, step)
        gone = timezone.now() if random.random() < deleted else None
        posts.append(Post(pk=pk, user=random.choice(authors), content="x", deleted_at=gone))
    Post.objects.bulk_create(posts)


def _compare(random: Random, authors: Sequence[User], rounds: int = 25) -> None:
    top = Post.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    for _ in range(rounds):
        chosen = [user.pk for user in random.sample(authors, random.randint(0, len(authors)))]
        before = random.choice([NEWEST, top + 1, top, 1, 2, random.randint(1, top + 2)])
        limit = random.choice([1, 2, 5, 21, 101, 801])
        expected = _brute_force(chosen, before, limit)
        assert newest_ids(chosen, before=before, limit=limit) == expected


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("authors", "count", "step", "deleted"),
    [
        pytest.param(5, 600, 1, 0, id="dense"),
        pytest.param(5, 200, 1_000, 0, id="sparse"),
        pytest.param(5, 600, 3, 0.9, id="mostly deleted"),
        pytest.param(300, 300, 2, 0.1, id="many quiet authors"),
        pytest.param(3, 0, 1, 0, id="none"),
        pytest.param(1, 1, 10**12, 0, id="one"),
    ],
)
def test_it_finds_what_brute_force_finds(
    db: None, authors: int, count: int, step: int, deleted: float, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 (the same data every time)
    users = crowd(authors)
    _write(random, users, count, step, deleted)
    _compare(random, users)


def test_one_busy_author_does_not_hide_the_quiet_ones(db: None) -> None:
    busy, *quiet = crowd(20)
    Post.objects.bulk_create(Post(pk=n, user=quiet[n], content="x") for n in range(1, 19))
    Post.objects.bulk_create(Post(pk=n, user=busy, content="x") for n in range(100, 700))
    _compare(Random(1), [busy, *quiet])  # noqa: S311
    quiet_ids = [user.pk for user in quiet]
    assert newest_ids(quiet_ids, before=NEWEST, limit=10) == list(range(18, 8, -1))


def test_a_busy_time_long_ago_is_not_loaded_as_a_whole(db: None) -> None:
    busy, other = crowd(2)
    write = Post.objects.bulk_create
    write(Post(pk=n, user=busy, content="x") for n in range(1, 4_000))
    write(Post(pk=n, user=other, content="x") for n in range(50_000, 50_010))
    with CaptureQueriesContext(connection) as queries:
        ids = newest_ids([busy.pk], before=NEWEST, limit=5)
    assert ids == [3_999, 3_998, 3_997, 3_996, 3_995]
    with connection.cursor() as cursor:
        rows = [cursor.execute(query["sql"]) for query in queries]
    assert max(rows) <= 100


def test_a_gap_of_a_trillion_ids_takes_few_queries(db: None) -> None:
    (author,) = crowd(1)
    Post.objects.bulk_create(Post(pk=n, user=author, content="x") for n in (1, 2, 10**12))
    with CaptureQueriesContext(connection) as queries:
        assert newest_ids([author.pk], before=NEWEST, limit=3) == [10**12, 2, 1]
    assert len(queries) < 25
