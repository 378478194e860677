"""Compares ready feeds with what MySQL says they should hold."""

import time
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import NamedTuple

from feeds import store
from feeds.selectors import newest_ids
from feeds.services import NEWEST
from feeds.store import FeedStore, StoredFeed
from follows.selectors import followee_ids
from posts.selectors import authors_of

WAITS = (0.2, 0.4, 0.8)
"""Seconds until a feed that differs is looked at again, so that posts on their way can arrive."""


class Kind(StrEnum):
    """How a ready feed can be wrong. A cold feed claims nothing, nor does one being built."""

    MISSING = "missing"
    """A visible post above the floor, by somebody whom the user follows, is not there."""
    EXTRA = "extra"
    """The id of no post, or of the user's own, which no soft deletion and no unfollow can leave.

    Ids of deleted posts, and of authors whom the user does not follow now, are no drift: reads
    leave them out, and fan-out may bring them late. What an account leaves that is deleted with
    all its rows counts: its places in the feeds come back only with a rebuild.
    """
    OUT_OF_ORDER = "out_of_order"
    """The score, which decides the order, is not the id."""
    BELOW_FLOOR = "below_floor"
    """An id at or below the floor, where reads go to MySQL."""
    OVER_CAP = "over_cap"
    """More ids than the cap and the slack that pushes allow."""


class Finding(NamedTuple):
    kind: Kind
    member: str
    """The post's id; empty when the whole feed is meant."""


class Verdict(NamedTuple):
    """Of some users' feeds."""

    ready: int
    drift: dict[int, set[Finding]]
    """By user; only those with findings."""


def verify(user_ids: Sequence[int], feeds: FeedStore) -> Verdict:
    """What is found at a first look and at each of three more within 1.4 s. Takes as long only if
    something is found. Raises StoreUnavailable.
    """
    looks = _look_at(user_ids, feeds)
    drift = {user_id: found for user_id, found in looks.items() if found}
    for seconds in WAITS:
        if not drift:
            break
        time.sleep(seconds)
        again = _look_at(drift, feeds)
        kept = {user_id: found & again.get(user_id, set()) for user_id, found in drift.items()}
        drift = {user_id: found for user_id, found in kept.items() if found}
    return Verdict(len(looks), drift)


def _look_at(user_ids: Collection[int], feeds: FeedStore) -> dict[int, set[Finding]]:
    """By user whose feed is ready."""
    return {
        user_id: _findings(user_id, feed)
        for user_id, feed in feeds.peek(user_ids).items()
        if feed.is_ready
    }


def _findings(user_id: int, feed: StoredFeed) -> set[Finding]:
    most = store.max_length()
    truth = newest_ids(followee_ids(user_id), before=NEWEST, limit=most + 1)
    expected = {str(id_) for id_ in truth if id_ > feed.floor}
    stored, scores = feed.scores.keys(), feed.scores.items()
    found = {Finding(Kind.MISSING, member) for member in expected - stored}
    found |= {Finding(Kind.EXTRA, member) for member in _extra(user_id, stored - expected)}
    found |= {Finding(Kind.OUT_OF_ORDER, id_) for id_, score in scores if id_ != f"{score:.0f}"}
    found |= {Finding(Kind.BELOW_FLOOR, id_) for id_, score in scores if score <= feed.floor}
    if len(scores) > most:
        found.add(Finding(Kind.OVER_CAP, ""))
    return found


def _extra(user_id: int, members: set[str]) -> set[str]:
    authors = authors_of([int(member) for member in members if member.isdecimal()])
    return {
        member
        for member in members
        if not member.isdecimal() or authors.get(int(member), user_id) == user_id
    }
