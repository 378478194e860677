"""From one person's request to another one's feed, over Kafka and Redis."""

from collections.abc import Callable
from random import Random

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from conftest import Pipeline, Redis
from feeds.tests.conftest import FEED, Away, crowd, edges, stored_ids
from follows.models import Follow
from newsfeed.events.models import OutboxEvent
from posts.models import Post

POSTS = "/api/v1/posts/"


@pytest.fixture
def as_carol(carol: User, as_user: Callable[[User], APIClient]) -> APIClient:
    return as_user(carol)


@pytest.fixture
def path(alice: User) -> str:
    """Where to follow alice."""
    return f"/api/v1/users/{alice.pk}/follow/"


def _feed(client: APIClient) -> list[str]:
    return [post["content"] for post in client.get(FEED, {"limit": 100}).json()["results"]]


def _post(client: APIClient, content: str) -> str:
    response = client.post(POSTS, {"content": content})
    assert response.status_code == 201
    location: str = response.headers["Location"]
    return location


def test_a_post_reaches_the_followers_and_nobody_else(
    pipeline: Pipeline,
    as_alice: APIClient,
    as_bob: APIClient,
    as_carol: APIClient,
    path: str,
    bob: User,
) -> None:
    as_bob.post(path)
    assert _feed(as_bob) == _feed(as_carol) == []
    _post(as_alice, "안녕 🙂")
    pipeline.settle()
    assert _feed(as_bob) == ["안녕 🙂"]
    assert stored_ids(bob.pk) == [Post.objects.get().pk]
    assert _feed(as_carol) == _feed(as_alice) == []


def test_who_unfollows_does_not_see_the_posts_and_who_follows_again_does(
    pipeline: Pipeline, as_alice: APIClient, as_bob: APIClient, path: str
) -> None:
    _post(as_alice, "before")
    for _ in range(2):
        as_bob.post(path)
        assert "before" in _feed(as_bob)
        pipeline.settle()
        assert "before" in _feed(as_bob)
        as_bob.delete(path)
        assert _feed(as_bob) == []
        pipeline.settle()
        assert _feed(as_bob) == []


def test_a_deleted_post_is_gone_at_once_and_the_others_stay(
    pipeline: Pipeline, as_alice: APIClient, as_bob: APIClient, path: str, bob: User
) -> None:
    as_bob.post(path)
    stays, goes = _post(as_alice, "stays"), _post(as_alice, "goes")
    pipeline.settle()
    assert _feed(as_bob) == ["goes", "stays"]
    as_alice.delete(goes)
    assert _feed(as_bob) == ["stays"]
    pipeline.settle()
    assert _feed(as_bob) == ["stays"]
    assert [str(pk) for pk in stored_ids(bob.pk)] == [stays.rstrip("/").split("/")[-1]]


def test_an_edited_post_is_shown_as_it_is_now(
    pipeline: Pipeline, as_alice: APIClient, as_bob: APIClient, path: str
) -> None:
    as_bob.post(path)
    location = _post(as_alice, "draft")
    pipeline.settle()
    assert _feed(as_bob) == ["draft"]
    as_alice.patch(location, {"content": "final"})
    assert _feed(as_bob) == ["final"]
    pipeline.settle()
    assert _feed(as_bob) == ["final"]


def test_what_was_posted_while_kafka_was_away_arrives_when_it_is_back(
    pipeline: Pipeline,
    as_alice: APIClient,
    as_bob: APIClient,
    path: str,
    kafka_away: Away,
    bob: User,
) -> None:
    as_bob.post(path)
    pipeline.settle()
    assert _feed(as_bob) == []
    with kafka_away():
        _post(as_alice, "later")
        assert _feed(as_bob) == []
    pipeline.settle()
    assert _feed(as_bob) == ["later"]


def test_a_feed_that_redis_lost_is_there_again(
    pipeline: Pipeline, as_alice: APIClient, as_bob: APIClient, path: str, redis: Redis
) -> None:
    as_bob.post(path)
    _post(as_alice, "one")
    pipeline.settle()
    redis.flushdb()
    _post(as_alice, "two")  # its push finds a cold feed
    pipeline.settle()
    assert _feed(as_bob) == ["two", "one"]
    _post(as_alice, "three")
    pipeline.settle()
    assert _feed(as_bob) == ["three", "two", "one"]


@pytest.mark.parametrize("inline_limit", [0, 200])
def test_at_rest_every_feed_is_what_mysql_says(
    pipeline: Pipeline,
    settings: Settings,
    as_user: Callable[[User], APIClient],
    inline_limit: int,
) -> None:
    settings.FANOUT_INLINE_LIMIT, settings.FEED_MAX_LENGTH = inline_limit, 8
    random = Random(inline_limit)  # noqa: S311 (the same every time)
    people = crowd(5)
    clients = {user.pk: as_user(user) for user in people}
    for step in range(60):
        _do_something(random, people, clients)
        if step % 20 == 19:
            pipeline.settle()
            for user in people:
                followed = Follow.objects.filter(follower=user).values("followee")
                truth = Post.objects.visible().filter(user__in=followed).order_by("-pk")
                assert _feed(clients[user.pk]) == [post.content for post in truth]
    assert not OutboxEvent.objects.exists()


def _do_something(random: Random, people: list[User], clients: dict[int, APIClient]) -> None:
    one, other = random.sample(people, 2)
    client, path = clients[one.pk], f"/api/v1/users/{other.pk}/follow/"
    mine = Post.objects.visible().filter(user=one)
    match random.choice("ppppprrffud"):
        case "p":
            _post(client, f"post {random.random()}")
        case "r":
            client.get(FEED)
        case "f":
            client.post(path)
        case "u":
            client.delete(path)
        case "d" if mine:
            client.delete(f"{POSTS}{random.choice(list(mine)).pk}/")


def test_followers_of_a_popular_author_get_the_post_too(
    pipeline: Pipeline,
    as_alice: APIClient,
    alice: User,
    as_user: Callable[[User], APIClient],
    settings: Settings,
) -> None:
    settings.FANOUT_INLINE_LIMIT = 10
    followers = crowd(30)
    edges(alice, followers)
    for user in followers:
        assert _feed(as_user(user)) == []
    _post(as_alice, "to all")
    pipeline.settle()
    assert [stored_ids(user.pk) for user in followers] == [[Post.objects.get().pk]] * 30
