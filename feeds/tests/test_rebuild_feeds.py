from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from conftest import Redis
from feeds import store
from feeds.tests.conftest import (
    TOKEN,
    Away,
    RedisServer,
    crowd,
    edges,
    make_ready,
    read,
    stored_ids,
    write_posts,
)

pytestmark = pytest.mark.usefixtures("db")


def _rebuild(*options: str) -> str:
    """What the command says."""
    output = StringIO()
    call_command("rebuild_feeds", *options, stdout=output)
    return output.getvalue()


@pytest.fixture
def fans(alice: User) -> list[User]:
    """Five who follow alice; all their feeds are wrong."""
    fans = crowd(5)
    edges(alice, fans)
    for fan in fans:
        make_ready(fan.pk, [999])
    return fans


def test_a_users_feed_is_made_anew_and_the_others_stay(alice: User, fans: list[User]) -> None:
    ids = write_posts(alice, 3)
    assert _rebuild("--user", str(fans[0].pk)) == "1 feeds rebuilt\n"
    assert stored_ids(fans[0].pk) == ids
    assert [stored_ids(fan.pk) for fan in fans[1:]] == [[999]] * 4


def test_several_users_may_be_named(alice: User, fans: list[User]) -> None:
    ids = write_posts(alice, 3)
    options = [part for fan in fans[:2] for part in ("--user", str(fan.pk))]
    assert _rebuild(*options) == "2 feeds rebuilt\n"
    assert [stored_ids(fan.pk) for fan in fans] == [ids, ids, [999], [999], [999]]


def test_all_are_made_anew_also_those_that_are_cold(alice: User, fans: list[User]) -> None:
    ids = write_posts(alice, 2)
    store.workers.invalidate([fans[0].pk])
    assert _rebuild("--all") == "6 feeds rebuilt\n"  # and alice's
    assert [stored_ids(fan.pk) for fan in fans] == [ids] * 5
    assert stored_ids(alice.pk) == []


@pytest.mark.parametrize("who", [("--all",), ("--user", "{0.pk}", "--user", "{1.pk}")])
def test_a_dry_run_only_counts(fans: list[User], who: tuple[str, ...], redis_away: Away) -> None:
    options = [option.format(*fans) for option in who]
    count = 6 if who == ("--all",) else 2
    with redis_away():
        assert _rebuild(*options, "--dry-run") == f"{count} feeds would be rebuilt\n"
    assert [stored_ids(fan.pk) for fan in fans] == [[999]] * 5
    with pytest.raises(CommandError, match=r"There is no user 7777\."):
        _rebuild("--user", "7777", "--dry-run")


def test_it_goes_on_where_it_is_told(alice: User, fans: list[User]) -> None:
    ids = write_posts(alice, 2)
    assert _rebuild("--all", "--after", str(fans[2].pk)) == "2 feeds rebuilt\n"
    assert [stored_ids(fan.pk) for fan in fans] == [[999], [999], [999], ids, ids]
    assert _rebuild("--all", "--after", str(fans[4].pk)) == "0 feeds rebuilt\n"


def test_doing_it_again_changes_nothing(alice: User, fans: list[User]) -> None:
    ids = write_posts(alice, 2)
    for _ in range(2):
        assert _rebuild("--all") == "6 feeds rebuilt\n"
        assert stored_ids(fans[0].pk) == ids


def test_a_feed_whose_builder_died_is_made_anew(alice: User, bob: User) -> None:
    store.workers.begin(bob.pk, TOKEN)
    assert read(bob.pk) is None
    assert _rebuild("--user", str(bob.pk)) == "1 feeds rebuilt\n"
    assert stored_ids(bob.pk) == []


def test_without_users_there_is_nothing_to_do(redis: Redis) -> None:
    assert _rebuild("--all") == "0 feeds rebuilt\n"
    assert redis.dbsize() == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "one of the arguments --user --all is required"),
        (("--user", "1", "--all"), "--all: not allowed with argument --user"),
        (("--user", "1", "--after", "3"), "--after goes with --all"),
        (("--user", "bob"), "argument --user: invalid int value: 'bob'"),
        (("--all", "--after", "x"), "argument --after: invalid int value: 'x'"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_done(
    fans: list[User], options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        _rebuild(*options)
    assert [stored_ids(fan.pk) for fan in fans] == [[999]] * 5
    _rebuild("--all")
    assert [stored_ids(fan.pk) for fan in fans] == [[]] * 5


def test_of_whom_there_is_no_user_no_feed_is_made(fans: list[User], redis: Redis) -> None:
    with pytest.raises(CommandError, match=r"There is no user 7777, 8888\."):
        _rebuild("--user", str(fans[0].pk), "--user", "8888", "--user", "7777")
    assert stored_ids(fans[0].pk) == [999]
    assert not redis.exists("feed:7777")


def test_without_redis_it_says_at_whom_it_ended(fans: list[User], redis_away: Away) -> None:
    sentence = f"Redis does not answer, at user {fans[1].pk}: "
    with redis_away(), pytest.raises(CommandError, match=sentence) as raised:
        _rebuild("--user", str(fans[1].pk))
    assert raised.value.returncode == 1
    assert "\n" not in str(raised.value)


def test_when_redis_is_back_it_goes_on_with_that_user(
    alice: User, fans: list[User], redis_server: RedisServer
) -> None:
    ids = write_posts(alice, 2)
    redis_server.stop()
    with pytest.raises(CommandError, match=f"at user {alice.pk}: "):
        _rebuild("--all")
    redis_server.start()
    assert _rebuild("--all", "--after", str(alice.pk - 1)) == "6 feeds rebuilt\n"
    assert [stored_ids(fan.pk) for fan in fans] == [ids] * 5


def test_there_is_no_progress_where_nobody_looks(
    alice: User, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _rebuild("--all") == "1 feeds rebuilt\n"
    assert capfd.readouterr() == ("", "")
