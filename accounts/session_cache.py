"""What Redis holds of sessions. MySQL is the truth, and all of this may be lost at any time.

`session:{jti}`: the user of an access token that was found good, as JSON. Who reads MySQL for it
first claims the key, and writes only if the claim still stands: whatever is deleted or flushed in
between stays so. `auth:blacklist:{jti}`: that token is revoked.

Redis does not decide who somebody is: the user of a session must be the token's, and a value that
we have not written, at either key, counts as none.
"""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from accounts.models import User
from newsfeed.redis.client import Command, ask

SESSION_SECONDS = 1800
CLAIM_SECONDS = 10
"""Longer than MySQL is given to answer."""
_CLAIM = b"?"
_REVOKED = b"1"
_FINISH = """
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2], "EX", ARGV[3])
return 1
"""


class Lookup(NamedTuple):
    user: User | None
    """Without what changes and matters: other fields are read when they are asked for."""
    is_revoked: bool
    is_broken: bool
    """The session was not written by us."""


class _Session(msgspec.Struct):
    id: int
    username: str
    display_name: str


def commands(jti: str) -> list[Command]:
    """Others may go out with them, in the same round trip; `parse` wants the replies to these."""
    return [("GET", _session(jti)), ("GET", _blacklist(jti))]


def parse(replies: list[Any], user_id: int) -> Lookup:
    """`user_id` is the one of the token."""
    kept, mark = replies
    session, is_free = None, kept is None or kept.startswith(_CLAIM)
    if not is_free:
        session = _read(kept, user_id)
    # Somebody has written at the mark: only MySQL can tell whether the token is revoked.
    is_doubtful = mark not in (None, _REVOKED)
    user = _user(session) if session and not is_doubtful else None
    return Lookup(user, mark == _REVOKED, is_broken=not is_free and session is None)


def claim(jti: str, *, over: bool = False) -> bytes | None:
    """What `finish` wants; None if somebody else is at it. Read MySQL after it.

    `over`: in place of whatever stands there.
    """
    token = _CLAIM + secrets.token_bytes(16)
    command: Command = ("SET", _session(jti), token, "EX", CLAIM_SECONDS)
    (is_mine,) = ask(command if over else (*command, "NX"))
    return token if is_mine else None


def finish(jti: str, token: bytes, user: User, seconds: int) -> None:
    """Writes the session for at most this number of seconds, if the token still claims it."""
    session = msgspec.json.encode(_Session(user.pk, user.username, user.display_name))
    ask(("EVAL", _FINISH, 1, _session(jti), token, session, min(SESSION_SECONDS, seconds)))


def revoke(seconds_left: Mapping[str, int]) -> None:
    """Of tokens by their jti, each with the seconds until it expires."""
    ask(
        *(("SET", _blacklist(jti), 1, "EX", max(left, 1)) for jti, left in seconds_left.items()),
        *(("DEL", _session(jti)) for jti in seconds_left),
        durable=True,
    )


def forget(jtis: Iterable[str]) -> None:
    ask(*(("DEL", _session(jti)) for jti in jtis))


def _read(kept: bytes, user_id: int) -> _Session | None:
    try:
        session = msgspec.json.decode(kept, type=_Session)
    except (ValueError, RecursionError):
        return None
    return session if session.id == user_id else None


def _user(session: _Session) -> User:
    return User.from_db("default", session.__struct_fields__, msgspec.structs.astuple(session))


def _session(jti: str) -> str:
    return f"session:{jti}"


def _blacklist(jti: str) -> str:
    return f"auth:blacklist:{jti}"
