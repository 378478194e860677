"""Why a post is, or is not, in a user's feed: the endpoint and the page of the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import User
from feeds import store
from feeds.tests.conftest import TOKEN, Away, dead_letter, make_ready, walk, write_posts
from follows.models import Follow
from newsfeed.events import dead_letters
from newsfeed.events.models import OutboxEvent
from newsfeed.kafka import producer, topic_admin
from newsfeed.kafka.topics import Topic
from posts.models import Post
from posts.services import create_post
from tests.names import own

pytestmark = pytest.mark.usefixtures("follow")

LOST = "Not shown: on its way through Kafka or lost; a rebuild of the feed shows it."
DEAD = "Not shown: its record is a dead letter; a replay or a rebuild shows it."
UNREAD = "Shown: the feed is {}, so reads take it from MySQL."


@pytest.fixture(autouse=True)
def _no_dead_letters(settings: Settings) -> None:
    """Of other tests."""
    settings.KAFKA_TOPIC_PREFIX = own("why-")


@pytest.fixture
def as_staff(carol: User, as_user: Callable[[User], APIClient]) -> APIClient:
    User.objects.filter(pk=carol.pk).update(is_staff=True)
    return as_user(carol)


@pytest.fixture
def post_id(alice: User) -> int:
    """Of a post of alice's, which bob follows."""
    return write_posts(alice, 1)[0]


def _path(user_id: int, post_id: int) -> str:
    return f"/api/v1/feeds/{user_id}/why/{post_id}/"


@pytest.fixture
def why(as_staff: APIClient, bob: User, post_id: int) -> Callable[[], Any]:
    """Asks about bob's feed."""

    def ask() -> Any:
        response = as_staff.get(_path(bob.pk, post_id))
        assert response.status_code == 200, response.content
        return response.json()

    return ask


def test_all_that_is_known_is_told(
    why: Callable[[], Any], alice: User, bob: User, post_id: int
) -> None:
    make_ready(bob.pk, [post_id], floor=post_id - 1)
    since = Follow.objects.get().created_at.isoformat().replace("+00:00", "Z")
    assert why() == {
        "verdict": "Shown: the ready feed holds it.",
        "user_id": bob.pk,
        "post_id": post_id,
        "author_id": alice.pk,
        "deleted_at": None,
        "hidden_at": None,
        "followed_since": since,
        "feed_state": "ready",
        "floor": post_id - 1,
        "in_redis": True,
        "waiting": None,
        "dead_letters": [],
    }


def test_of_a_ready_feed_what_stands_in_redis_decides(
    why: Callable[[], Any], bob: User, post_id: int, as_bob: APIClient
) -> None:
    make_ready(bob.pk)
    assert (why()["verdict"], why()["in_redis"]) == (LOST, False)
    assert walk(as_bob, 10) == [[]]
    make_ready(bob.pk, floor=post_id)
    assert why()["verdict"] == "Shown: it is not above the floor, where reads go on in MySQL."
    assert walk(as_bob, 10) == [[post_id]]


def test_a_feed_that_is_not_ready_is_read_from_mysql(
    why: Callable[[], Any], bob: User, as_bob: APIClient, post_id: int
) -> None:
    assert (why()["verdict"], why()["feed_state"]) == (UNREAD.format("cold"), "cold")
    store.workers.begin(bob.pk, TOKEN)
    assert (why()["verdict"], why()["feed_state"]) == (UNREAD.format("building"), "building")
    assert why()["floor"] is None
    assert walk(as_bob, 10) == [[post_id]]


@pytest.mark.usefixtures("redis_always_asked")
def test_without_redis_the_feed_is_unknown(
    why: Callable[[], Any], redis_away: Away, bob: User, post_id: int
) -> None:
    make_ready(bob.pk, [post_id])
    with redis_away():
        told = why()
    assert (told["verdict"], told["feed_state"]) == (UNREAD.format("unknown"), "unknown")
    assert why()["feed_state"] == "ready"


def test_what_every_read_leaves_out_is_told_first(
    why: Callable[[], Any], as_staff: APIClient, alice: User, bob: User, post_id: int
) -> None:
    make_ready(bob.pk, [post_id])
    assert why()["verdict"].startswith("Shown")
    Follow.objects.all().delete()
    assert why()["verdict"] == "Not shown: the user does not follow the author."
    assert why()["followed_since"] is None
    own = as_staff.get(_path(alice.pk, post_id)).json()
    assert own["verdict"] == "Not shown: it is the user's own post."
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert why()["verdict"] == "Not shown: the author is suspended or deleted."
    Post.objects.update(hidden_at=timezone.now())
    assert why()["verdict"] == "Not shown: a moderator has hidden the post."
    assert why()["hidden_at"]
    Post.objects.update(deleted_at=timezone.now())
    assert why()["verdict"] == "Not shown: the post is deleted."
    assert why()["deleted_at"]


@pytest.mark.django_db(transaction=True)
def test_a_post_that_waits_in_the_outbox_is_told(
    as_staff: APIClient, alice: User, bob: User, settings: Settings
) -> None:
    settings.FANOUT_INLINE_LIMIT = 0
    make_ready(bob.pk)
    others, post = (
        create_post(user_id=alice.pk, content="1"),
        create_post(user_id=alice.pk, content="2"),
    )
    OutboxEvent.objects.filter(payload__post_id=others.pk).delete()
    OutboxEvent.objects.update(attempts=3, last_error="no broker")
    told = as_staff.get(_path(bob.pk, post.pk)).json()
    assert told["verdict"] == "Not shown yet: it waits in the outbox for the relay."
    assert told["waiting"]["created_at"].endswith("Z")
    del told["waiting"]["created_at"]
    assert told["waiting"] == {"attempts": 3, "published_to": 0, "last_error": "no broker"}
    assert as_staff.get(_path(bob.pk, others.pk)).json()["verdict"] == LOST


def test_only_the_posts_announcement_counts(why: Callable[[], Any], post_id: int) -> None:
    OutboxEvent.objects.create(payload={"type": "POST_UPDATE", "post_id": post_id})
    assert why()["waiting"] is None
    OutboxEvent.objects.create(payload={"type": "POST_CREATE", "post_id": post_id})
    assert why()["waiting"] is not None


@pytest.mark.usefixtures("new_topics")
def test_dead_letters_of_the_post_are_told_wherever_they_are(
    why: Callable[[], Any], alice: User, bob: User, carol: User, post_id: int
) -> None:
    topic_admin.ensure_topics(1)
    producer.warm()
    make_ready(bob.pk)
    other = b'{"post_id": %d, "follower_id": %d}'
    strangers = [other % (post_id, carol.pk), other % (post_id + 1, bob.pk), b"?", b"7"]
    dead_letters.publish([dead_letter(value, n) for n, value in enumerate(strangers)])
    assert (why()["verdict"], why()["dead_letters"]) == (LOST, [])
    deletion = b'{"type": "POST_DELETE", "post_id": %d}' % post_id
    dead_letter(deletion, 41, Topic.ACTIVITY).save()
    follow = b'{"actor_id": %d, "followee_id": %d}' % (bob.pk, alice.pk)
    dead_letter(follow, 42, Topic.ACTIVITY).save()
    assert why()["verdict"] == LOST
    dead_letters.publish([dead_letter(other % (post_id, bob.pk), 43)])
    told = why()
    assert told["verdict"] == DEAD
    assert [letter["origin"] for letter in told["dead_letters"]] == [
        "feed-20260309[7]@43",
        "activity-20260309[7]@41",
        "activity-20260309[7]@42",
    ]
    assert told["dead_letters"][0] == {
        "topic": "feed",
        "origin": "feed-20260309[7]@43",
        "error": "ValueError: a bug",
        "attempts": 3,
        "created_at": "2026-03-09T00:00:00Z",
    }


def test_without_kafka_dead_letters_are_unknown(why: Callable[[], Any], kafka_away: Away) -> None:
    with kafka_away():
        assert why()["dead_letters"] is None
    assert why()["dead_letters"] == []


def test_only_staff_may_ask(
    client: APIClient, as_bob: APIClient, as_staff: APIClient, bob: User, post_id: int
) -> None:
    path = _path(bob.pk, post_id)
    answers = [one.get(path).status_code for one in (client, as_bob, as_staff)]
    assert answers == [401, 403, 200]
    assert as_bob.get(_path(999_999, post_id)).status_code == 403
    assert as_bob.get(path).headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("unknown", [999_999, 2**63, 10**30])
def test_an_unknown_user_or_post_is_not_found(
    as_staff: APIClient, bob: User, post_id: int, unknown: int
) -> None:
    assert as_staff.get(_path(unknown, post_id)).status_code == 404
    assert as_staff.get(_path(bob.pk, unknown)).status_code == 404
    assert as_staff.get(_path(bob.pk, post_id)).status_code == 200


def test_the_admin_shows_the_same_and_links_to_it_from_the_users_page(
    admin_client: Client, bob: User, post_id: int
) -> None:
    make_ready(bob.pk, [post_id])
    page = reverse("admin-why")
    change = admin_client.get(reverse("admin:accounts_user_change", args=[bob.pk]))
    assert f'href="{page}?user_id={bob.pk}"' in change.content.decode()
    form = admin_client.get(page, {"user_id": bob.pk}).content.decode()
    assert f'name="user_id" value="{bob.pk}"' in form
    assert "required" in form
    assert "errorlist" not in form
    answer = admin_client.get(page, {"user_id": bob.pk, "post_id": post_id}).content.decode()
    assert "<h2>Shown: the ready feed holds it.</h2>" in answer
    assert "<th>feed_state</th><td>ready</td>" in answer


@pytest.mark.parametrize(
    "asked", [{"post_id": "x"}, {"post_id": "999999"}, {"post_id": f"{10**30}"}]
)
def test_the_admin_tells_what_is_wrong_with_the_ids(
    admin_client: Client, bob: User, post_id: int, asked: dict[str, str]
) -> None:
    page = reverse("admin-why")
    wrong = admin_client.get(page, {"user_id": str(bob.pk)} | asked)
    assert wrong.status_code == 200
    assert b"errorlist" in wrong.content
    right = admin_client.get(page, {"user_id": bob.pk, "post_id": post_id})
    assert b"errorlist" not in right.content


def test_the_admin_page_is_for_staff(client: APIClient, admin_client: Client) -> None:
    page = reverse("admin-why")
    assert client.get(page).status_code == 302
    assert admin_client.get(page).status_code == 200
