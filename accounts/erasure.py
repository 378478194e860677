"""Erases what a deleted user leaves, in steps.

What is still there is the cursor: a step that is killed, or comes twice, only finds less to do. A
step is short, so that no user waits for the millions of rows of another. If it leaves something, it
records the event again, before the consumer commits the one that it handles.
"""

import time
from collections.abc import Collection

from accounts import data_registry
from accounts.selectors import deleted_since
from accounts.services import mark_erased, take_up_again

STEP_SECONDS = 1.0
"""Of which the users in one batch of events each get a share, and a chunk at least..."""
MOST_SECONDS = 5.0
"""...while all of their chunks have not taken so long."""
CHUNK = 500
"""Rows, and feeds: each chunk takes some ten milliseconds."""


def erase(user_ids: Collection[int]) -> None:
    """One step for each user. Raises what the apps' steps raise, such as Unavailable."""
    begun = time.monotonic()
    for n, user_id in enumerate(user_ids):
        is_late = n > 0 and time.monotonic() > begun + MOST_SECONDS
        if is_late or not _is_erased(user_id, seconds=STEP_SECONDS / len(user_ids)):
            take_up_again([user_id])


def _is_erased(user_id: int, *, seconds: float) -> bool:
    if deleted_since(user_id) is None:  # the event of a database restored to a time before it
        return True
    give_up_at = time.monotonic() + seconds
    while any(step(user_id, CHUNK) for step in data_registry.steps):
        if time.monotonic() > give_up_at:
            return False
    for last_step in data_registry.last_steps:
        last_step(user_id)
    mark_erased(user_id)
    return True
