"""Tier A: the pipeline under every interleaving that hypothesis thinks of.

All is the project's own code on the real database and Redis, except Kafka: here it is a list whose
records are consumed one by one, late, twice and in any order, and some get lost on their way to it.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django_redis import get_redis_connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.services import reinstate_user, suspend_user
from feeds import services, store
from feeds.events import FeedRecord
from feeds.selectors import newest_ids
from feeds.store import FeedPage
from follows.events import FollowEvent
from follows.models import Follow
from follows.services import follow, unfollow
from newsfeed.events import outbox, relay
from newsfeed.events.groups import readers
from newsfeed.events.models import OutboxEvent
from newsfeed.events.registry import decode
from newsfeed.kafka import producer
from newsfeed.kafka.producer import Message
from newsfeed.kafka.topics import Topic
from posts.events import PostUnhidden
from posts.models import Post
from posts.services import create_post, delete_post, hide_post, unhide_post
from tests.depth import deep
from tests.faults.log import Log, topic_of
from tests.faults.truth import feed_of, walk

PEOPLE = 3
CAP = 3
person = st.integers(0, PEOPLE - 1)
any_of = st.integers(0, 1_000)
many = st.lists(any_of, min_size=1, max_size=8)
meanwhile = st.lists(
    st.tuples(st.sampled_from(["post", "delivery", "eviction", "follow"]), person), max_size=5
)
"""What others do while a builder is at work, and to or by whom."""
log = Log()


class FeedModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.people = list(User.objects.order_by("pk").values_list("pk", flat=True))
        self.redis = get_redis_connection("worker")
        self.applied: set[bytes] = set()
        self.builds: list[tuple[int, int, FeedPage | None]] = []
        self.tokens = iter(range(1, 1_000))
        self.beginning = transaction.savepoint()

    @initialize(edges=st.sets(st.tuples(person, person), min_size=2))
    def begin_with_follows(self, edges: set[tuple[int, int]]) -> None:
        for one, other in edges:
            self.follow_or_unfollow(one=one, other=other, survives=True)
        self.come_to_rest(backwards=False)
        for user in range(PEOPLE):
            self.read(user=user, limit=20)  # makes the feed warm

    @rule(author=person, survives=st.booleans())
    def post(self, *, author: int, survives: bool) -> None:
        if User.objects.filter(pk=self.people[author], is_active=True).exists():
            create_post(user_id=self.people[author], content="x")
            self.after_commit(survives=survives)

    @rule(which=any_of, survives=st.booleans())
    def delete(self, *, which: int, survives: bool) -> None:
        if posts := list(Post.objects.visible()):
            post = posts[which % len(posts)]
            delete_post(user_id=post.user_id, post_id=post.pk)
            self.after_commit(survives=survives)

    @rule(which=any_of, survives=st.booleans())
    def hide(self, *, which: int, survives: bool) -> None:
        if posts := list(Post.objects.visible()):
            hide_post(posts[which % len(posts)].pk)
            self.after_commit(survives=survives)

    @rule(which=any_of, survives=st.booleans())
    def unhide(self, *, which: int, survives: bool) -> None:
        if posts := list(Post.objects.filter(deleted_at=None, hidden_at__isnull=False)):
            unhide_post(posts[which % len(posts)].pk)
            self.after_commit(survives=survives)

    @rule(user=person)
    def suspend_or_reinstate(self, user: int) -> None:
        is_active = User.objects.values_list("is_active", flat=True).get(pk=self.people[user])
        (suspend_user if is_active else reinstate_user)(self.people[user])

    @rule(which=any_of, survives=st.booleans())
    def unfollow_and_follow_again(self, *, which: int, survives: bool) -> None:
        active = Follow.objects.filter(follower__is_active=True, followee__is_active=True)
        if edges := list(active.order_by("pk").values("follower_id", "followee_id")):
            for change in (unfollow, follow):
                change(**edges[which % len(edges)])
                self.after_commit(survives=survives)

    @rule(one=person, other=person, survives=st.booleans())
    def follow_or_unfollow(self, *, one: int, other: int, survives: bool) -> None:
        edge = {"follower_id": self.people[one], "followee_id": self.people[other]}
        if one == other:
            return
        if Follow.objects.filter(**edge).exists():
            unfollow(**edge)
        elif User.objects.filter(pk__in=edge.values(), is_active=True).count() == 2:
            follow(**edge)
        self.after_commit(survives=survives)

    def after_commit(self, *, survives: bool) -> None:
        """What is registered for after the commit; nothing if the process is killed there."""
        hooks: list[Any] = connection.run_on_commit
        connection.run_on_commit = []
        for _, hook, _ in hooks if survives else []:
            hook()

    @rule(takes=st.booleans(), acknowledges=st.booleans())
    def relay(self, *, takes: bool, acknowledges: bool) -> None:
        log.is_there(takes=takes, acknowledges=acknowledges)
        relay.relay("model")
        log.is_there()

    @rule(which=many, again=st.sampled_from([False, False, True]))
    def consume(self, *, which: list[int], again: bool) -> None:
        """Some records, as one batch; `again` leaves them to be consumed another time."""
        for batch in self.pick(which, again=again):
            self.handle(batch)

    @rule(backwards=st.booleans())
    def come_to_rest(self, *, backwards: bool) -> None:
        """Only the builders go on sleeping. What Redis claims of a feed, it holds."""
        while relay.relay("model"):
            pass
        assert not OutboxEvent.objects.exists()
        for message in log.records[::-1] if backwards else log.records:
            self.handle([message])
        log.records = []
        for user_id, feed in store.workers.peek(self.people).items():
            claimed = {str(id_) for id_ in feed_of(user_id) if id_ > feed.floor >= 0}
            assert claimed <= set(feed.scores), (claimed, feed)
            assert all(score > feed.floor for score in feed.scores.values()), feed
            assert not feed.is_ready or len(feed.scores) <= CAP + CAP // store.SLACK

    def pick(self, which: list[int], *, again: bool) -> Iterator[list[Message]]:
        picked = [log.records[n % len(log.records)] for n in which if log.records]
        for topic in Topic:
            batch = [message for message in picked if topic_of(message) is topic]
            if batch:
                yield batch
        if not again:
            log.records = [message for message in log.records if message not in picked]

    def handle(self, batch: list[Message]) -> None:
        topic = topic_of(batch[0])
        records = [decode(topic, message.value) for message in batch]
        for group in readers(topic):
            if mine := [record for record in records if type(record) in group.types]:
                group.handler(mine)
        self.applied |= {message.value for message in batch}

    @rule(user=person, looks=st.booleans())
    def begin(self, *, user: int, looks: bool) -> None:
        """A builder begins at a cold feed, and may have looked at MySQL when the next rule runs."""
        user_id, token = self.people[user], next(self.tokens)
        store.workers.invalidate([user_id])
        assert store.workers.begin(user_id, token)
        self.builds.append((user_id, token, services.take_snapshot(user_id) if looks else None))

    @precondition(lambda self: self.builds)
    @rule(which=any_of)
    def finish(self, which: int) -> None:
        user_id, token, found = self.builds.pop(which % len(self.builds))
        store.workers.finish(user_id, token, found or services.take_snapshot(user_id))

    @rule(user=person, before=meanwhile, after=meanwhile)
    def rebuild(
        self, *, user: int, before: list[tuple[str, int]], after: list[tuple[str, int]]
    ) -> None:
        """All of a rebuild, with what others do before and after it looks at MySQL."""

        def look(*args: Any, **kwargs: Any) -> list[int]:
            patch.undo()  # others look undisturbed
            self.meanwhile(user, before)
            found = newest_ids(*args, **kwargs)
            self.meanwhile(user, after)
            return found

        store.workers.invalidate([self.people[user]])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(services, "newest_ids", look)
            services.rebuild(self.people[user], store.workers)

    def meanwhile(self, user: int, steps: list[tuple[str, int]]) -> None:
        for step, other in steps:
            match step:
                case "post":
                    self.post(author=other, survives=True)
                case "delivery":
                    self.come_to_rest(backwards=True)
                case "eviction":
                    self.redis.delete(store.key(self.people[user]))
                case "follow":
                    self.follow_or_unfollow(one=user, other=other, survives=True)

    @rule(which=any_of, everything=st.sampled_from([False, False, True]))
    def evict(self, *, which: int, everything: bool) -> None:
        if everything:
            self.redis.flushdb()
        elif keys := sorted(self.redis.keys()):
            self.redis.delete(keys[which % len(keys)])

    @rule(user=person, limit=st.sampled_from([1, 2, 3, 20]))
    def read(self, user: int, limit: int) -> None:
        """No ghost, in order, full pages; what is missing is on its way."""
        user_id = self.people[user]
        shown, truth = walk(user_id, limit), feed_of(user_id)
        assert shown == [id_ for id_ in truth if id_ in set(shown)], (shown, truth)
        missing = set(truth) - set(shown)
        assert not missing or self.is_on_its_way(user_id, missing), (shown, truth)

    def is_on_its_way(self, user_id: int, post_ids: set[int]) -> bool:
        waiting = {event.payload.get("post_id") for event in OutboxEvent.objects.all()}
        follows = OutboxEvent.objects.filter(payload__type__in=["FOLLOW", "UNFOLLOW"])
        changes = {event.payload["actor_id"] for event in follows}
        for message in log.records:
            if message.value not in self.applied:
                record = decode(topic_of(message), message.value)
                if isinstance(record, FeedRecord):
                    waiting |= {record.post_id} if record.follower_id == user_id else set()
                elif isinstance(record, PostUnhidden):
                    waiting.add(record.post_id)
                elif isinstance(record, FollowEvent):
                    changes.add(record.actor_id)
        return user_id in changes or post_ids <= waiting

    def teardown(self) -> None:
        """At rest every feed is the truth, also when builders wake up only then.

        And once more when all who are suspended are reinstated, which tells no feed anything.
        """
        try:
            self.come_to_rest(backwards=True)
            while self.builds:
                self.finish(which=0)
            self.come_to_rest(backwards=True)
            self.read_everything()
            for user in User.objects.filter(is_active=False):
                reinstate_user(user.pk)
            self.read_everything()
        finally:
            log.records = []
            log.is_there()
            connection.run_on_commit = []
            self.redis.flushdb()
            # Deleted rows would stay, for queries to skip, as long as the test's transaction lasts.
            transaction.savepoint_rollback(self.beginning)

    def read_everything(self) -> None:
        for user_id in self.people:
            assert walk(user_id, 2) == feed_of(user_id)


@pytest.fixture
def _as_the_model_has_it(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(PEOPLE):
        User.objects.create(username=f"person_{number}")
    settings.FEED_MAX_LENGTH = CAP
    monkeypatch.setattr(producer, "send", log.send)
    monkeypatch.setattr(producer, "flush", lambda seconds: True)
    monkeypatch.setattr(relay, "RECORDS_PER_SLICE", 2)
    # The model decides when something is tried again, and not a clock.
    monkeypatch.setattr(outbox, "REQUEST_LEASE", timedelta(0))
    monkeypatch.setattr(outbox, "MAX_BACKOFF_SECONDS", 0)
    monkeypatch.setattr(relay.kafka_breaker, "minimum", 1_000)


@pytest.mark.usefixtures("_as_the_model_has_it")
def test_no_interleaving_loses_doubles_misorders_or_resurrects_a_post() -> None:
    run_state_machine_as_test(
        FeedModel,
        settings=settings(
            max_examples=int(os.environ.get("MODEL_EXAMPLES", deep(300))),
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Making a failure smaller takes minutes here; fifty steps can be read.
            phases=[Phase.generate],
            database=None,
        ),
    )
