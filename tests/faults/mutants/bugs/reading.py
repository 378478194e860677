"""Bugs of rebuilds and reads of a feed."""

from typing import Any

from follows.events import FollowEvent
from tests.faults.mutants.patch import Patch, look_up
from tests.faults.mutants.registry import MODEL, mutant

REBUILD = "feeds/tests/test_rebuild.py"
UNFOLLOWED = (
    "feeds/tests/test_feed.py"
    "::test_who_is_not_followed_any_more_is_not_shown_though_redis_holds_the_posts"
)
SNAPSHOT = "feeds.services:take_snapshot"


@mutant(
    breaks="I3: a feed ends at the cap, and older posts seem not to exist",
    killed_by=(f"{REBUILD}::test_the_floor_is_the_newest_post_that_did_not_fit", MODEL),
)
def rebuild_without_floor(patch: Patch) -> None:
    patch.edit(SNAPSHOT, {"floor=ids[cap] if len(ids) > cap else 0": "floor=0"})


@mutant(
    breaks="I1: a post that comes while the feed is rebuilt is missing from it",
    killed_by=(MODEL,),
)
def snapshot_before_begin(patch: Patch) -> None:
    take = "snapshot = take_snapshot(user_id)"
    begin = "if not feeds.begin(user_id, token):"
    patch.edit("feeds.services:rebuild", {take: "", begin: f"{take}\n{begin}"})


@mutant(
    breaks="I5: a feed built during an author's suspension lacks the author's posts for good",
    killed_by=(
        f"{REBUILD}::test_a_feed_built_while_its_author_is_suspended_shows_the_author_after_the_reinstatement",
    ),
)
def snapshot_without_the_suspended(patch: Patch) -> None:
    patch.edit(SNAPSHOT, {"(followee_ids(": "(active_followee_ids("})


@mutant(
    breaks="I4: posts of an author stay in the feed after the reader has unfollowed the author",
    killed_by=(UNFOLLOWED,),
)
def reads_trust_redis(patch: Patch) -> None:
    followed = "JOIN follows f ON f.follower_id = %s AND f.followee_id = p.user_id"
    patch.edit("feeds.selectors:_FEED_POSTS", {followed: "JOIN users v ON v.id = %s"})


@mutant(
    breaks="I5: a follow that overtakes an unfollow leaves the wrong posts in the feed",
    killed_by=(
        "feeds/tests/test_consumers.py::test_the_order_of_follows_and_unfollows_does_not_matter",
        MODEL,
    ),
)
def follows_as_operations(patch: Patch) -> None:
    refresh = "_refresh({event.actor_id for event in events if isinstance(event, FollowEvent)})"
    patch.edit("feeds.consumers:apply_visibility", {refresh: "merge(events)"}, merge=_merge)


def _merge(events: list[Any]) -> None:
    workers = look_up("feeds.store:workers")
    for event in events:
        if not isinstance(event, FollowEvent):
            continue
        posts = look_up("feeds.selectors:newest_ids")([event.followee_id], before=2**63, limit=100)
        if event.type == "FOLLOW":
            workers.push({event.actor_id: posts})
        elif posts:
            workers.remove([event.actor_id], posts)
