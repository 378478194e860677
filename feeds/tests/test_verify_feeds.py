import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from conftest import Redis, caches_at
from feeds import store, verification
from feeds.management.commands import verify_feeds
from feeds.store import StoreUnavailable
from feeds.tests.conftest import (
    TOKEN,
    Away,
    crowd,
    edges,
    make_ready,
    read,
    stored_ids,
    write_posts,
)
from follows.models import Follow
from posts.models import Post
from tests.names import REDIS_PATH

pytestmark = pytest.mark.usefixtures("follow")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "WAITS", (0.01, 0.01, 0.01))


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Has something happen between the first look and the second."""

    def arrange(happens: Callable[[], object]) -> None:
        waits = [happens]

        def sleep(_: float) -> None:
            if waits:
                waits.pop()()

        monkeypatch.setattr(time, "sleep", sleep)

    return arrange


def _verify(*options: str) -> list[str]:
    """What the command says when it ends with 0."""
    output = StringIO()
    call_command("verify_feeds", *options, stdout=output)
    return output.getvalue().splitlines()


def _drift(*options: str) -> list[str]:
    """What the command says when it ends with 1."""
    output = StringIO()
    with pytest.raises(CommandError, match="--repair makes them anew") as raised:
        call_command("verify_feeds", *options, stdout=output)
    assert raised.value.returncode == 1
    return output.getvalue().splitlines()


def _counts(**counts: int) -> list[str]:
    names = ["ready", "differ", "repaired", *verification.Kind]
    return [f"{name} {counts.get(name, 0)}" for name in names]


@pytest.mark.parametrize("protocol", [2, 3])
def test_feeds_that_are_what_mysql_says_are_only_counted(
    alice: User, bob: User, settings: Settings, protocol: int
) -> None:
    """REDIS_URL may ask for the older protocol, which pairs scores with members in another way."""
    settings.CACHES = caches_at(path=REDIS_PATH, query=f"protocol={protocol}")
    make_ready(bob.pk, write_posts(alice, 3))
    make_ready(alice.pk)
    assert _verify("--all") == _counts(ready=2)
    assert _verify("--sample", "50") == _counts(ready=2)
    assert _verify() == _counts(ready=2)


def test_a_post_that_is_not_there_is_missing(alice: User, bob: User) -> None:
    ids = write_posts(alice, 6)
    make_ready(bob.pk, ids[:1])
    told = f"feed of user {bob.pk}: missing 5 ({ids[1]}, {ids[2]}, {ids[3]}, ...)"
    assert _drift("--all") == [told, *_counts(ready=1, differ=1, missing=5)]
    assert _drift("--sample", "50") == [told, *_counts(ready=1, differ=1, missing=5)]


def test_below_its_floor_a_feed_claims_nothing(alice: User, bob: User) -> None:
    ids = write_posts(alice, 6)
    make_ready(bob.pk, ids[:3], floor=ids[3])
    assert _verify("--all") == _counts(ready=1)
    make_ready(bob.pk, ids[:3], floor=ids[4])
    assert _drift("--all")[-5:] == _counts(missing=1)[-5:]


def test_an_id_of_no_post_or_of_the_users_own_is_extra(alice: User, bob: User) -> None:
    (own,), ids = write_posts(bob, 1), write_posts(alice, 1)
    make_ready(bob.pk, [ids[0] + 100, ids[0], own])
    told = f"feed of user {bob.pk}: extra 2 ({ids[0] + 100}, {own})"
    assert _drift("--all") == [told, *_counts(ready=1, differ=1, extra=2)]


def test_what_deleting_and_unfollowing_leave_is_no_drift(
    alice: User, bob: User, carol: User
) -> None:
    edges(carol, [bob])
    ids = write_posts(carol, 1) + write_posts(alice, 2)
    Post.objects.filter(pk=ids[1]).update(deleted_at=timezone.now())
    Follow.objects.filter(followee=carol).delete()
    make_ready(bob.pk, sorted(ids, reverse=True))
    assert _verify("--all") == _counts(ready=1)
    make_ready(bob.pk, ids[:2])
    assert _drift("--all")[0] == f"feed of user {bob.pk}: missing 1 ({ids[2]})"


def test_what_hiding_and_suspending_leave_is_no_drift(alice: User, bob: User, carol: User) -> None:
    edges(carol, [bob])
    ids = write_posts(carol, 1) + write_posts(alice, 2)
    Post.objects.filter(pk=ids[1]).update(hidden_at=timezone.now())
    User.objects.filter(pk=carol.pk).update(is_active=False)
    make_ready(bob.pk, sorted(ids, reverse=True))
    assert _verify("--all") == _counts(ready=1)
    make_ready(bob.pk, [ids[2], ids[0]])
    assert _verify("--all") == _counts(ready=1)
    make_ready(bob.pk, ids[2:])  # after a reinstatement carol's post would be missed
    assert _drift("--all")[0] == f"feed of user {bob.pk}: missing 1 ({ids[0]})"
    make_ready(bob.pk, [ids[2], ids[0]])
    Post.objects.filter(pk=ids[1]).update(hidden_at=None)
    assert _drift("--all")[0] == f"feed of user {bob.pk}: missing 1 ({ids[1]})"


def test_a_score_that_is_not_the_id_is_out_of_order(alice: User, bob: User, redis: Redis) -> None:
    ids = write_posts(alice, 3)
    make_ready(bob.pk, ids)
    redis.zadd(store.key(bob.pk), {str(ids[0]): ids[2] - 0.5})
    told = f"feed of user {bob.pk}: out_of_order 1 ({ids[0]})"
    assert _drift("--all") == [told, *_counts(ready=1, differ=1, out_of_order=1)]


def test_an_id_at_or_below_the_floor_is_told(alice: User, bob: User, redis: Redis) -> None:
    ids = write_posts(alice, 3)
    make_ready(bob.pk, ids[:1], floor=ids[1])
    redis.zadd(store.key(bob.pk), {str(id_): id_ for id_ in ids[1:]})
    told = f"feed of user {bob.pk}: below_floor 2 ({ids[1]}, {ids[2]})"
    assert _drift("--all") == [told, *_counts(ready=1, differ=1, below_floor=2)]


@pytest.mark.parametrize("posts", [32, 34, 35])
def test_a_feed_longer_than_cap_and_slack_is_told(
    alice: User, bob: User, settings: Settings, posts: int
) -> None:
    make_ready(bob.pk, write_posts(alice, posts))
    settings.FEED_MAX_LENGTH = 32  # 34 with the slack
    if posts <= 34:
        assert _verify("--all") == _counts(ready=1)
    else:
        told = f"feed of user {bob.pk}: over_cap"
        assert _drift("--all") == [told, *_counts(ready=1, differ=1, over_cap=1)]


def test_cold_feeds_and_those_being_built_are_left_alone(
    alice: User, bob: User, redis: Redis
) -> None:
    write_posts(alice, 2)
    assert _verify("--all") == _counts()
    store.workers.begin(bob.pk, TOKEN)
    assert _verify("--all") == _verify() == _counts()
    assert redis.zrange(store.key(bob.pk), 0, -1) == [b"~"]
    make_ready(bob.pk)
    assert _drift("--all")


def test_a_post_that_arrives_in_time_is_no_drift(
    alice: User, bob: User, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    ids = write_posts(alice, 2)
    make_ready(bob.pk, ids[1:])
    assert _drift("--all")
    meanwhile(lambda: store.workers.push({bob.pk: ids}))
    assert _verify("--all") == _counts(ready=1)


def test_a_feed_that_becomes_cold_meanwhile_is_no_drift(
    alice: User, bob: User, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    write_posts(alice, 2)
    make_ready(bob.pk)
    meanwhile(lambda: store.workers.invalidate([bob.pk]))
    assert _verify("--all") == _counts(ready=1)


def test_of_a_feed_in_motion_only_what_stays_counts(
    alice: User, bob: User, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    ids = write_posts(alice, 3)
    make_ready(bob.pk, ids[2:])

    def one_arrives_and_one_is_posted() -> None:
        store.workers.push({bob.pk: ids[:1]})
        write_posts(alice, 1)

    meanwhile(one_arrives_and_one_is_posted)
    assert _drift("--all")[0] == f"feed of user {bob.pk}: missing 1 ({ids[1]})"


def test_repaired_feeds_are_made_anew_and_the_others_stay(
    alice: User, bob: User, carol: User
) -> None:
    ids = write_posts(alice, 3)
    edges(alice, [carol])
    make_ready(bob.pk, ids[1:])
    make_ready(carol.pk, ids, floor=1)  # as a rebuild would not make it
    assert _verify("--all", "--repair") == [
        f"feed of user {bob.pk}: missing 1 ({ids[0]})",
        *_counts(ready=2, differ=1, repaired=1, missing=1),
    ]
    assert stored_ids(bob.pk) == ids
    found = read(carol.pk)
    assert found is not None
    assert found.floor == 1
    assert _verify("--all") == _counts(ready=2)


def test_looking_does_not_keep_an_idle_feed(alice: User, bob: User, redis: Redis) -> None:
    make_ready(bob.pk)
    redis.expire(store.key(bob.pk), 100)
    _verify("--all")
    assert redis.ttl(store.key(bob.pk)) <= 100
    read(bob.pk)
    assert redis.ttl(store.key(bob.pk)) > 100


def test_all_means_all_pages(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_feeds, "USERS_PER_PAGE", 2)
    fans = crowd(5)
    edges(alice, fans)
    ids = write_posts(alice, 1)
    for fan in fans:
        make_ready(fan.pk)
    assert _drift("--all")[:5] == [f"feed of user {f.pk}: missing 1 ({ids[0]})" for f in fans]


def test_a_sample_takes_no_more_than_it_is_told_and_feeds_only(alice: User, redis: Redis) -> None:
    fans = crowd(30)
    for fan in fans:
        make_ready(fan.pk)
    redis.set("session:1", "x")
    ready = int(_verify("--sample", "10")[0].removeprefix("ready "))
    assert 1 <= ready <= 10
    assert int(_verify("--sample", "2000")[0].removeprefix("ready ")) == 30


def test_the_metrics_are_written_for_node_exporter(alice: User, bob: User, tmp_path: Path) -> None:
    write_posts(alice, 2)
    make_ready(bob.pk)
    path = tmp_path / "feeds.prom"
    _drift("--all", "--textfile", str(path))
    lines = path.read_text().splitlines()
    assert 'feed_verify_feeds{state="ready"} 1.0' in lines
    assert 'feed_verify_feeds{state="differ"} 1.0' in lines
    assert 'feed_verify_feeds{state="repaired"} 0.0' in lines
    assert 'feed_verify_drift{kind="missing"} 2.0' in lines
    assert 'feed_verify_drift{kind="extra"} 0.0' in lines
    assert any(line.startswith("feed_verify_timestamp_seconds 1") for line in lines)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--all", "--sample", "3"), "--sample: not allowed with argument --all"),
        (("--sample", "0"), "--sample must be from 1 to 100000."),
        (("--sample", "x"), "argument --sample: invalid int value: 'x'"),
        (("--textfile", "/nowhere/at/all.prom"), "There is no folder /nowhere/at."),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_looked_at(
    bob: User, options: tuple[str, ...], sentence: str, redis_away: Away
) -> None:
    with redis_away(), pytest.raises(CommandError, match=sentence):
        _verify(*options)


@pytest.mark.parametrize("options", [("--all",), ("--sample", "5")])
def test_without_redis_no_metrics_are_written(
    bob: User, redis_away: Away, options: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "feeds.prom"
    with redis_away(), pytest.raises(StoreUnavailable):
        _verify(*options, "--textfile", str(path))
    assert not path.exists()
    _verify(*options, "--textfile", str(path))
    assert path.exists()


def test_there_is_no_progress_where_nobody_looks(
    bob: User, capfd: pytest.CaptureFixture[str]
) -> None:
    make_ready(bob.pk)
    assert _verify("--all") == _counts(ready=1)
    assert capfd.readouterr() == ("", "")
