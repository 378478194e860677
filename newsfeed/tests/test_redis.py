import pytest

from conftest import Redis
from newsfeed.redis import RedisUnavailable, ask
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
