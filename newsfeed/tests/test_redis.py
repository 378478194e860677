import stat
from pathlib import Path

import pytest
from django.conf import settings

from conftest import Redis
from dev.control import Control
from newsfeed.redis.client import RedisError, RedisUnavailable, Script, ask
from tests.redis_server import Away


def test_replies_come_in_the_order_of_the_commands(redis: Redis) -> None:
    assert ask(("SET", "a", 1), ("GET", "a"), ("GET", "b"), ("EXISTS", "a", "b")) == [
        b"OK",
        b"1",
        None,
        1,
    ]


def test_an_error_among_the_replies_does_not_meet_the_next_caller(redis: Redis) -> None:
    ask(("SET", "a", "text"))
    with pytest.raises(RedisUnavailable, match="not an integer"):
        ask(("INCR", "a"), ("GET", "a"), ("GET", "b"))
    assert ask(("EXISTS", "a")) == [1]


def test_without_redis_it_says_so(redis_away: Away) -> None:
    with redis_away(), pytest.raises(RedisUnavailable):
        ask(("GET", "a"))


def test_a_script_that_redis_has_lost_is_sent_alone(redis: Redis, tmp_path: Path) -> None:
    (tmp_path / "add.lua").write_text("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    script = Script(tmp_path / "add.lua")
    for total in (2, 4, 6):
        redis.script_flush()
        replies = ask(("INCR", "b"), ("EVALSHA", script.sha, 1, "a", 2), ("GET", "b"))
        assert replies == [total // 2, total, b"%d" % (total // 2)]


def test_the_stacks_redis_wants_a_password_that_nobody_else_can_read() -> None:
    stack = Control.attach()
    url = f"127.0.0.1:{stack.ports.redis}"
    with Redis.from_url(settings.REDIS_URL) as known, Redis.from_url(f"redis://{url}") as unknown:
        assert known.ping()
        with pytest.raises(RedisError, match="authenticated"):
            unknown.ping()
    command = Path(f"/proc/{stack.pid('redis')}/cmdline").read_bytes().decode()
    assert "redis-server" in command
    assert stack.secret not in command
    assert stat.S_IMODE((stack.state / "redis.conf").stat().st_mode) == 0o600
