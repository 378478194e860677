"""Bugs of the API's own machinery."""

from tests.faults.mutants.patch import Patch, look_up
from tests.faults.mutants.registry import mutant

KEYS = "newsfeed/tests/test_idempotency_key.py"


@mutant(
    breaks="I6: a client that repeats a request whose process has died posts twice",
    killed_by=(f"{KEYS}::test_a_post_that_is_rolled_back_leaves_no_key",),
)
def key_after_the_post(patch: Patch) -> None:
    create_and_keep = "newsfeed.api.answers:_create_and_keep"
    patch.set(create_and_keep, look_up(create_and_keep).__wrapped__)


@mutant(
    breaks="I6: a request gets the answer to somebody else's, who took the same key",
    killed_by=(f"{KEYS}::test_everybody_has_keys_of_their_own",),
)
def key_of_anybody(patch: Patch) -> None:
    find = "newsfeed.api.answers:_find_answer"
    patch.edit(find, {"user_id=user_id, key=key.value": "key=key.value"})


@mutant(
    breaks="I6: a request gets the answer to one for another path, and is never done",
    killed_by=(f"{KEYS}::test_a_key_belongs_to_one_path",),
)
def key_of_any_path(patch: Patch) -> None:
    other_path = 'row.path not in ("", key.path) or '
    patch.edit("newsfeed.api.answers:_find_answer", {other_path: ""})
