from collections import Counter
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import log_in
from feeds.tests.conftest import FEED, Away
from follows.models import Follow
from newsfeed.events.models import OutboxEvent
from posts.models import Post

Demo = tuple[list[str], list[tuple[str, str]], list[tuple[str, str]]]


def _seed(*options: str) -> str:
    """What the command says."""
    output = StringIO()
    call_command("seed_demo", *options, stdout=output)
    return output.getvalue()


def _demo() -> Demo:
    """Users, follows and posts, by name."""
    return (
        list(User.objects.order_by("pk").values_list("username", flat=True)),
        list(Follow.objects.order_by("pk").values_list("follower__username", "followee__username")),
        list(Post.objects.order_by("pk").values_list("user__username", "content")),
    )


@pytest.fixture
def seed_again(db: None) -> Callable[..., Demo]:
    """Seeds an emptied database."""

    def seed(*options: str) -> Demo:
        OutboxEvent.objects.all().delete()
        User.objects.all().delete()
        _seed("--users", "6", "--posts", "8", *options)
        return _demo()

    return seed


def test_it_makes_users_follows_and_posts_and_counts_them(db: None) -> None:
    said = _seed()
    users, follows, posts = _demo()
    assert users[:4] == ["alice", "bob", "demo_3", "demo_4"]
    assert (len(users), len(posts)) == (30, 120)
    assert said == f"30 users, {len(follows)} follows, 120 posts\n"


def test_the_numbers_can_be_chosen(db: None) -> None:
    said = _seed("--users", "7", "--follows", "2", "--posts", "9")
    users, follows, posts = _demo()
    assert (len(users), len(posts)) == (7, 9)
    assert 7 <= len(follows) <= 15
    assert said.startswith("7 users, ")


def test_everybody_logs_in_with_the_password_of_the_readme(db: None) -> None:
    _seed("--users", "3", "--posts", "0")
    for username in ("alice", "bob", "demo_3"):
        assert log_in(username=username, password="newsfeed-demo").username == username
    with pytest.raises(AuthenticationFailed):
        log_in(username="alice", password="newsfeed")


def test_bob_follows_alice_whoever_else_does(db: None) -> None:
    _seed("--users", "2", "--follows", "0", "--posts", "0")
    assert _demo() == (["alice", "bob"], [("bob", "alice")], [])


def test_few_have_many_followers(db: None) -> None:
    _seed("--users", "40", "--follows", "6", "--posts", "0")
    followed = Counter(followee for _, followee in _demo()[1])
    assert followed["alice"] == max(followed.values()) > 15
    assert sum(count < 6 for count in followed.values()) > 20


def test_the_same_seed_makes_the_same_data(seed_again: Callable[..., Demo]) -> None:
    first = seed_again("--seed", "5")
    assert seed_again("--seed", "5") == first
    other = seed_again("--seed", "6")
    assert other[1] != first[1]
    assert other[2] != first[2]


def test_bob_reads_what_was_posted(
    transactional_db: None, as_user: Callable[[User], APIClient]
) -> None:
    _seed("--users", "2", "--follows", "0", "--posts", "6")
    bob = User.objects.get(username="bob")
    mine = Post.objects.filter(user=bob)
    shown = as_user(bob).get(FEED).json()["results"]
    assert shown
    assert len(shown) == 6 - mine.count()


def test_it_goes_only_into_an_empty_database(db: None) -> None:
    _seed("--users", "2", "--posts", "1")
    before = _demo()
    with pytest.raises(CommandError, match="There are users already"):
        _seed("--users", "2", "--posts", "1")
    assert _seed("--if-empty") == "There are users: nothing made.\n"
    assert _demo() == before


def test_if_empty_it_is_made_once(db: None) -> None:
    assert _seed("--if-empty", "--users", "2", "--posts", "1").startswith("2 users, ")
    assert "nothing made" in _seed("--if-empty", "--users", "2", "--posts", "1")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--users", "1"), "--users must be at least 2: alice and bob."),
        (("--users", "few"), "argument --users: invalid int value: 'few'"),
        (("--posts", "-1"), "--posts must be at least 0."),
        (("--follows", "-1"), "--follows must be at least 0 "),
        (("--likes", "3"), "unrecognized arguments: --likes 3"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_made(
    db: None, options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        _seed(*options)
    assert _demo() == ([], [], [])
    _seed("--users", "2", "--posts", "0", "--follows", "0")
    assert _demo()[0] == ["alice", "bob"]


def test_it_stays_within_the_limit_of_follows(db: None, settings: Settings) -> None:
    settings.FOLLOWING_LIMIT = 3
    options = ("--users", "12", "--posts", "0", "--follows")
    with pytest.raises(CommandError, match=r"--follows must be .* below FOLLOWING_LIMIT=3\."):
        _seed(*options, "3")
    assert _demo() == ([], [], [])
    _seed(*options, "2")
    assert max(Counter(follower for follower, _ in _demo()[1]).values()) <= 3


def test_without_kafka_and_redis_it_is_made_all_the_same(
    transactional_db: None, kafka_away: Away, redis_away: Away
) -> None:
    with kafka_away(), redis_away():
        said = _seed("--users", "3", "--follows", "1", "--posts", "5")
    _, follows, posts = _demo()
    assert said == f"3 users, {len(follows)} follows, 5 posts\n"
    assert len(posts) == 5
    assert OutboxEvent.objects.count() == len(follows) + len(posts)


def test_there_is_no_progress_where_nobody_looks(
    db: None, capfd: pytest.CaptureFixture[str]
) -> None:
    _seed("--users", "2", "--posts", "1")
    assert capfd.readouterr() == ("", "")
