from datetime import datetime

from tests.client import Person
from tests.deadline import assert_quick, wait_until
from tests.running import Service
from tests.topics import FEED

TEXT = "오늘 한강에서 자전거를 탔어요 🚴‍♀️🌉"


def test_a_post_reaches_followers_and_nobody_else(
    service: Service, alice: Person, bob: Person, carol: Person
) -> None:
    bob.follows(alice)
    service.wait_for_rest()
    # A feed that was read is kept in Redis: so the post is not only found by a rebuild.
    assert bob.feed() == carol.feed() == []
    service.warm([bob.id, carol.id])  # if Redis was late
    before = service.topics.ends(FEED)

    post_id = alice.posts(TEXT)

    wait_until(lambda: service.feeds_holding([bob.id], post_id), 60, "the post is pushed to bob")
    [shown] = bob.feed()
    assert (shown["id"], shown["content"]) == (post_id, TEXT)
    assert shown["author"]["id"] == alice.id
    assert carol.feed() == []
    assert service.feeds_holding([carol.id], post_id) == 0

    [record] = [
        r for r in service.topics.feed_records(since=before) if r.value["post_id"] == post_id
    ]
    created_at = record.value.pop("created_at")
    assert record.key == str(bob.id).encode()
    assert record.value == {
        "post_id": post_id,
        "author_id": alice.id,
        "follower_id": bob.id,
        "content": TEXT,
    }
    assert datetime.fromisoformat(created_at) == datetime.fromisoformat(shown["created_at"])

    carol.follows(alice)
    assert carol.feed_ids() == [post_id]


def test_a_post_is_in_a_followers_feed_within_two_seconds(
    service: Service, alice: Person, bob: Person
) -> None:
    bob.follows(alice)
    service.wait_for_rest()
    assert bob.feed() == []
    service.warm([bob.id])

    def post_and_wait() -> None:
        post_id = alice.posts(TEXT)
        wait_until(lambda: service.feeds_holding([bob.id], post_id), 60, "it is pushed to bob")
        assert bob.feed_ids()[0] == post_id

    assert_quick(post_and_wait, 2)


def test_changes_show_in_the_very_next_read(
    service: Service, alice: Person, bob: Person, carol: Person
) -> None:
    bob.follows(alice)
    bob.follows(carol)
    others = carol.posts("from carol")
    post_id = alice.posts(TEXT)
    assert bob.feed_ids() == [post_id, others]

    bob.unfollows(alice)
    assert bob.feed_ids() == [others]

    bob.follows(alice)
    assert bob.feed_ids() == [post_id, others]

    alice.done(200, "PATCH", f"/posts/{post_id}/", {"content": "edited"})
    assert bob.feed()[0]["content"] == "edited"

    alice.deletes(post_id)
    assert bob.feed_ids() == [others]

    service.wait_for_rest()
    assert bob.feed_ids() == [others]
    service.warm([bob.id])
    assert service.feeds_holding([bob.id], post_id) == 0
    assert service.feeds_holding([bob.id], others) == 1
