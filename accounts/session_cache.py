"""What Redis holds of sessions. MySQL is the truth, and all of this may be lost at any time.

`session:{jti}`: the user of an access token that was found good, as JSON. Who reads MySQL for it
first claims the key, and writes only if the claim still stands: whatever is deleted or flushed in
between stays so. `auth:blacklist:{jti}`: that token is revoked.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from accounts.models import User
from newsfeed.redis import Command, ask

SESSION_SECONDS = 1800
CLAIM_SECONDS = 10
"""Longer than MySQL is given to answer."""
_CLAIM = b"?"
_FIELDS = ("id", "username", "display_name")
_FINISH = """
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3])
return 1
"""


class Lookup(NamedTuple):
    user: User | None
    """Without what changes and matters: other fields are read when they are asked for."""
    is_revoked: bool


def commands(jti: str) -> list[Command]:
    """Others may go out with them, in the same round trip; `parse` wants the replies to these."""
    return [("GET", _session(jti)), ("EXISTS", _blacklist(jti))]


def parse(replies: list[Any]) -> Lookup:
    session, is_blacklisted = replies
    is_known = session is not None and not session.startswith(_CLAIM)
    return Lookup(_user(orjson.loads(session)) if is_known else None, bool(is_blacklisted))


def claim(jti: str) -> bytes | None:
    """What `finish` wants; None if somebody else is at it. Read MySQL after it."""
    token = _CLAIM + secrets.token_bytes(16)
    (is_mine,) = ask(("SET", _session(jti), token, "NX", "EX", CLAIM_SECONDS))
    return token if is_mine else None


def finish(jti: str, token: bytes, user: User, seconds: int) -> None:
    """Writes the session for so many seconds at most, if it still is claimed with this token."""
    fields = orjson.dumps({name: getattr(user, name) for name in _FIELDS})
    ask(("EVAL", _FINISH, 1, _session(jti), token, fields, min(SESSION_SECONDS, seconds)))


def revoke(seconds_left: Mapping[str, int]) -> None:
    """Of tokens by their jti, each with the seconds until it expires."""
    ask(
        *(("SET", _blacklist(jti), 1, "EX", max(left, 1)) for jti, left in seconds_left.items()),
        *(("DEL", _session(jti)) for jti in seconds_left),
        lasting=True,
    )


def forget(jtis: Iterable[str]) -> None:
    ask(*(("DEL", _session(jti)) for jti in jtis))


def _user(fields: dict[str, Any]) -> User:
    return User.from_db("default", _FIELDS, [fields[name] for name in _FIELDS])


def _session(jti: str) -> str:
    return f"session:{jti}"


def _blacklist(jti: str) -> str:
    return f"auth:blacklist:{jti}"
