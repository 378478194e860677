"""From a log-in to a log-out: who a token stands for, its successor, its end."""

import logging
from datetime import timedelta

from django.utils import timezone

from accounts import audit, session_cache
from accounts.keys import Key, derive, verifying_keys
from accounts.models import RefreshToken, RevokedToken, User
from accounts.revocation import redis_has_all, revoke
from accounts.selectors import find_session_user, just_used_at, lock_session_user
from accounts.tokens import (
    Claims,
    Origin,
    Pair,
    hash_token,
    make_pair,
    read_refresh_or_raise,
    store_pair,
)
from newsfeed.api.exceptions import SessionEnded
from newsfeed.api.throttles import PipelinedCount
from newsfeed.mysql.transactions import transactional
from newsfeed.redis.client import RedisUnavailable, ask

logger = logging.getLogger(__name__)

REPLAY = timedelta(seconds=10)
"""Longer than a client takes to notice that an answer is lost, and to ask again."""


def get_session_user_or_raise(access: Claims, count: PipelinedCount) -> User:
    """Asks Redis first, then MySQL. Raises SessionEnded.

    The request is counted in the round trip to Redis, if there is one.
    """
    user = _from_redis(access, count) if redis_has_all() else _from_mysql(access)
    if user is None:
        raise SessionEnded
    return user


def _from_redis(access: Claims, count: PipelinedCount) -> User | None:
    try:
        *replies, counted = ask(*session_cache.commands(access.jti), count.command)
        count.record_reply(counted)
        found = session_cache.parse(replies, access.user_id)
        if found.user or found.is_revoked:
            return None if found.is_revoked else found.user
        claim = session_cache.claim(access.jti, over=found.is_broken)
    except RedisUnavailable as error:
        logger.warning("session of user %d is read from MySQL: %s", access.user_id, error)
        claim = None
    user = _from_mysql(access)
    if user and claim:
        _cache(access, claim, user)
    return user


def _from_mysql(access: Claims) -> User | None:
    return find_session_user(user_id=access.user_id, epoch=access.epoch, jti=access.jti)


def _cache(access: Claims, claim: bytes, user: User) -> None:
    seconds = int((access.expires_at - timezone.now()).total_seconds())
    try:
        session_cache.finish(access.jti, claim, user, max(seconds, 1))
    except RedisUnavailable as error:
        logger.warning("session of user %d is not kept in Redis: %s", access.user_id, error)


def refresh_tokens(refresh: str, *, client: str) -> dict[str, str]:
    """New tokens for old: {"access", "refresh"}. `client`: its User-Agent.

    A client that has lost the answer sends the same token again, and several tabs send it at once.
    Within REPLAY they get the same tokens, as long as nobody has refreshed with those. Any other
    token that comes again has two holders, and nobody knows which of them is the thief: its family
    ends (RFC 9700, section 4.14.2). Raises AuthenticationFailed, and SessionEnded for
    one that was used or revoked.
    """
    tokens = _rotate(read_refresh_or_raise(refresh), hash_token(refresh), _client_hash(client))
    if tokens is None:
        raise SessionEnded
    return tokens


@transactional
def _rotate(claims: Claims, token_hash: str, client_hash: str) -> dict[str, str] | None:
    # The user first, as `end_all_sessions` locks them: the other way round they would deadlock.
    user = lock_session_user(user_id=claims.user_id, epoch=claims.epoch)
    if user is None:
        return None
    now = timezone.now()
    fresh = RefreshToken.objects.filter(token_hash=token_hash, used_at=None, revoked_at=None)
    if fresh.update(used_at=now, used_by=client_hash):
        return store_pair(user, _successors(user, claims, Origin(token_hash, now)))
    if tokens := _reissued(user, claims, token_hash, client_hash):
        return tokens
    revoke(RefreshToken.objects.filter(family=claims.family))
    audit.tell("authn_token_reuse", user.pk)
    return None


def _reissued(
    user: User, claims: Claims, token_hash: str, client_hash: str
) -> dict[str, str] | None:
    """The tokens that this client got for this one within REPLAY, if they are still unused."""
    used_at = just_used_at(token_hash, client_hash, since=timezone.now() - REPLAY)
    if used_at is None:
        return None
    origin = Origin(token_hash, used_at)
    # Another process may have signed them, before or after the last change of keys.
    pairs = [_successors(user, claims, origin, key).signed() for key in verifying_keys()]
    by_hash = {hash_token(pair["refresh"]): pair for pair in pairs}
    unused = RefreshToken.objects.filter(token_hash__in=by_hash, used_at=None, revoked_at=None)
    found = unused.values_list("token_hash", flat=True).first()
    return by_hash[found] if found else None


def _successors(user: User, claims: Claims, origin: Origin, key: Key | None = None) -> Pair:
    return make_pair(user, claims.family, origin, has_otp=claims.has_otp, key=key)


def _client_hash(client: str) -> str:
    """Keyed, so that the database does not reveal which software people use."""
    return derive(f"client {client}".encode()).hex()[:32]


@transactional
def log_out(access: Claims, refresh: str = "") -> None:
    """Ends the family of the access token and, if it is another one, that of the refresh token.

    Of a refresh token that is not there, or not this user's, there is nothing to end.
    """
    families = [access.family]
    own = RefreshToken.objects.filter(user_id=access.user_id)
    families += own.filter(token_hash=hash_token(refresh)).values_list("family", flat=True)
    itself = RevokedToken(jti=access.jti, expires_at=access.expires_at)
    revoke(own.filter(family__in=families), itself)
