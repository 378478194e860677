"""Bugs of the feeds in Redis."""

from tests.faults.mutants.patch import Patch
from tests.faults.mutants.registry import MODEL, mutant

STORE = "feeds/tests/test_store.py"
BEGIN, FINISH, PUSH, READ = (
    f"feeds.store:{script}" for script in ("BEGIN", "FINISH", "PUSH", "READ")
)


@mutant(
    breaks="I5: a slow builder overwrites a newer feed with what it saw long ago",
    killed_by=(f"{STORE}::test_a_builder_without_its_token_cannot_finish", MODEL),
)
def finish_without_token(patch: Patch) -> None:
    token = "if redis.call('ZSCORE', KEYS[1], '~') ~= '-' .. ARGV[1] then"
    patch.edit(FINISH, {token: "if false then"})


@mutant(
    breaks="I5: Redis evicts a feed's posts and keeps its state, so the reader sees an empty feed",
    killed_by=(MODEL,),
)
def state_in_a_key_of_its_own(patch: Patch) -> None:
    ready, state = "KEYS[1] .. ':ready'", "redis.call('ZSCORE', KEYS[1], '~')"
    own_state = f"redis.call('GET', {ready})"
    patch.edit(
        BEGIN,
        {
            "if type(redis.pcall('ZSCORE', KEYS[1], '~')) == 'string' then": f"if {own_state} then",
            "redis.call('ZADD', KEYS[1], '-' .. ARGV[1], '~')": (
                f"redis.call('SET', {ready}, '-' .. ARGV[1], 'PX', ARGV[2])"
            ),
        },
    )
    floor = f"redis.call('SET', {ready}, floor, 'EX', ARGV[4])"
    patch.edit(FINISH, {state: own_state, "redis.call('ZADD', KEYS[1], floor, '~')": floor})
    patch.edit(
        PUSH,
        {
            state: own_state,
            "- 1 - ARGV[1]": "- ARGV[1]",
            "KEYS[1], over, over)[1]": "KEYS[1], over - 1, over - 1)[1]",
            "KEYS[1], 0, over)": "KEYS[1], 0, over - 1)",
            "redis.call('ZADD', KEYS[1], highest_dropped, '~')": (
                f"redis.call('SET', {ready}, highest_dropped)"
            ),
        },
    )
    expire = "redis.call('EXPIRE', KEYS[1], ARGV[3])"
    both = f"{expire}\nredis.call('EXPIRE', {ready}, ARGV[3])"
    patch.edit(READ, {state: own_state, expire: both})
    delete = '("DEL", key(user_id))'
    keys = '("DEL", key(user_id), f"{key(user_id)}:ready")'
    patch.edit("feeds.store:FeedStore.invalidate", {delete: keys})


@mutant(
    breaks="I5: a record that comes late adds one old post, and those around it seem not to exist",
    killed_by=(f"{STORE}::test_any_order_of_operations_leaves_what_it_should",),
)
def push_below_the_floor(patch: Patch) -> None:
    patch.edit(PUSH, {"if tonumber(ARGV[i]) > floor then": "if true then"})


@mutant(
    breaks="I5: a post that reaches a cold feed is all that its reader sees",
    killed_by=(f"{STORE}::test_a_push_warms_nothing", MODEL),
)
def push_warms(patch: Patch) -> None:
    state = "local state = redis.call('ZSCORE', KEYS[1], '~')"
    patch.edit(PUSH, {state: f"redis.call('ZADD', KEYS[1], 'NX', 0, '~')\n{state}"})


@mutant(
    breaks="I5: the oldest posts of a long feed seem not to exist",
    killed_by=(f"{STORE}::test_a_feed_may_outgrow_its_cap_by_a_sixteenth",),
)
def trim_keeps_the_floor(patch: Patch) -> None:
    raised = "redis.call('ZADD', KEYS[1], highest_dropped, '~')"
    patch.edit(PUSH, {raised: "redis.call('ZADD', KEYS[1], floor, '~')"})
