"""Bugs between the change in MySQL and its records on Kafka."""

from tests.faults.mutants.patch import Patch
from tests.faults.mutants.registry import MODEL, mutant

OUTBOX = "newsfeed/events/tests/test_outbox.py"
SIGNALS = "feeds/tests/test_signals.py"


@mutant(
    breaks="I1: followers are sent a post that is rolled back",
    killed_by=(f"{SIGNALS}::test_a_post_that_is_rolled_back_leaves_and_sends_nothing",),
)
def publish_before_commit(patch: Patch) -> None:
    on_commit = "transaction.on_commit(lambda: relay.publish_inline(row), robust=True)"
    patch.edit("newsfeed.events.recording:record", {on_commit: "relay.publish_inline(row)"})


@mutant(
    breaks="I7: a post whose process dies right after the commit reaches nobody",
    killed_by=(f"{OUTBOX}::test_an_event_goes_with_its_transaction", MODEL),
)
def outbox_row_only_after_failure(patch: Patch) -> None:
    patch.edit("newsfeed.events.outbox:add", {"OutboxEvent.objects.create(": "OutboxEvent("})
    update = 'OutboxEvent.objects.filter(pk=event.pk, claimed_by="").update(claimed_until=Now())'
    patch.edit(
        "newsfeed.events.outbox:hand_over",
        {update: "event.claimed_until = Now()\nevent.save()"},
    )


@mutant(
    breaks="I7: a post whose slow transaction commits after later ones reaches nobody",
    killed_by=(
        f"{OUTBOX}::test_an_event_with_a_lower_id_that_commits_later_is_claimed_too",
        MODEL,
    ),
)
def relay_polls_by_last_id(patch: Patch) -> None:
    later = """
later = free.filter(pk__gt=max(seen)).order_by("pk")
events = list(later.select_for_update(skip_locked=True)[:limit])
seen.update(event.pk for event in events)
"""
    raw = "events = list(OutboxEvent.objects.raw(CLAIM, [limit]))"
    patch.edit("newsfeed.events.outbox:claim", {raw: later.strip()}, seen={0})


@mutant(
    breaks="I7: posts that Kafka refuses are deleted from the outbox, and reach nobody",
    killed_by=(MODEL,),
)
def unacknowledged_is_published(patch: Patch) -> None:
    retry = {"outbox.retry_later(row, worker, error)": "pass", "continue": "pass"}
    patch.edit("newsfeed.events.relay:relay", retry)


@mutant(
    breaks="I1: who follows while the process dies never sees the older posts",
    killed_by=(f"{SIGNALS}::test_follows_leave_events",),
)
def follow_without_event(patch: Patch) -> None:
    patch.edit("follows.signals:followed", {"record(Followed": "(Followed"})
