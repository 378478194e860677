"""Takes posts from the followers' feeds, or gives them back, as MySQL has it by now, in steps.

A step is short, so that no author waits for the millions of another one's followers, and a crash
repeats little. What it leaves is recorded as an event that tells how far it came, before the
consumer commits those that it handles.

MySQL is asked and not the event, so the order of a hiding and an unhiding does not matter. It is
asked again after a step's removals: a post that was unhidden in between may have been given back
before the removal came to that feed. If it is still hidden then, its unhiding has an event to come.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

from django.utils import timezone
from msgspec import UNSET
from msgspec.structs import replace

from feeds import store
from follows.selectors import follower_ids
from newsfeed.events import outbox
from posts.events import VisibilityChanged
from posts.selectors import visible_ids

STEP_SECONDS = 1.0
"""Of which the authors in one batch of events each get a share, and a page at least..."""
MOST_SECONDS = 5.0
"""...while all of their pages have not taken so long."""
FOLLOWERS_PER_PAGE = 1_000


@dataclass
class _Walk:
    """Through an author's followers, from the lowest id to the highest."""

    author_id: int
    settled_to: int
    events: list[VisibilityChanged] = field(default_factory=list)
    """One for each post."""
    pages: list[list[int]] = field(default_factory=list)
    """Of this step."""
    is_over: bool = False

    @property
    def post_ids(self) -> set[int]:
        return {event.post_id for event in self.events}

    def go_on(self, visible: set[int]) -> None:
        """By one page."""
        limit = max(1, min(FOLLOWERS_PER_PAGE, store.PLACES // len(self.events)))
        page = follower_ids(self.author_id, after=self.settled_to, limit=limit)
        if page:
            if gone := self.post_ids - visible:
                store.workers.remove(page, sorted(gone))
            _give_back(page, self.post_ids & visible)
            self.pages.append(page)
            self.settled_to = page[-1]
        self.is_over = len(page) < limit


def apply(events: Iterable[VisibilityChanged]) -> None:
    """One step for the posts that these are about. Raises StoreUnavailable."""
    walks = _walks(events)
    post_ids = {post_id for walk in walks for post_id in walk.post_ids}
    if not post_ids:
        return
    visible = visible_ids(post_ids)
    _go_on(walks, visible)
    unhidden = visible_ids(post_ids - visible) if post_ids - visible else set()
    for walk in walks:
        for page in walk.pages:
            _give_back(page, walk.post_ids & unhidden)
    if rests := [rest for walk in walks if not walk.is_over for rest in _rests(walk)]:
        outbox.leave_to_relay(rests)


def _walks(events: Iterable[VisibilityChanged]) -> list[_Walk]:
    """Posts of one author go together if they are equally far.

    A post that has several events goes on after the least of them: then all the others have no more
    to do. So a day's events that are applied once more do not each start another walk to the end.
    """
    least: dict[int, VisibilityChanged] = {}
    for event in events:
        if _settled_to(event) <= _settled_to(least.get(event.post_id, event)):
            least[event.post_id] = event
    walks: dict[tuple[int, int], _Walk] = {}
    for event in least.values():
        place = (event.actor_id, _settled_to(event))
        walks.setdefault(place, _Walk(*place)).events.append(event)
    return list(walks.values())


def _settled_to(event: VisibilityChanged) -> int:
    return event.settled_to or 0


def _go_on(walks: list[_Walk], visible: set[int]) -> None:
    """The first gets a page in any case: each step does something."""
    begun = time.monotonic()
    for n, walk in enumerate(walks):
        now = time.monotonic()
        if n and now > begun + MOST_SECONDS:
            return
        give_up_at = now + (begun + STEP_SECONDS - now) / (len(walks) - n)
        walk.go_on(visible)
        while not walk.is_over and time.monotonic() < give_up_at:
            walk.go_on(visible)


def _give_back(page: list[int], post_ids: set[int]) -> None:
    if post_ids:
        store.workers.push(dict.fromkeys(page, sorted(post_ids)))


def _rests(walk: _Walk) -> Iterator[VisibilityChanged]:
    now, settled_to = timezone.now(), walk.settled_to or UNSET
    for event in walk.events:
        yield replace(event, event_id=uuid4(), occurred_at=now, settled_to=settled_to)
