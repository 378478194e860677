"""All that the service keeps of a user, as one JSON document that is never whole in memory.

A large export holds a thread while the client reads it. So each user has one at a time, and exports
take at most a quarter of the threads of a process.

Rows come in pages by key, each a short query or two, so an account of any size costs the same
memory. The document's last bracket is its last byte: what an error cuts off is no JSON.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from rest_framework.serializers import BaseSerializer

from accounts.models import User
from accounts.selectors import get_user_or_raise, known_addresses, open_sessions, users_by_ids
from feeds.serializers import (
    ExportedAddressSerializer,
    ExportedEdgeSerializer,
    ExportedPostSerializer,
    ExportedProfileSerializer,
    ExportedReportSerializer,
    ExportedSessionSerializer,
)
from follows.models import Follow
from follows.selectors import edges_to_followees, edges_to_followers
from moderation.selectors import reports_by
from newsfeed.api.exceptions import ExportStillRunning, TooManyExports
from newsfeed.api.json import JSONRenderer
from newsfeed.mysql.transactions import named_lock
from posts.selectors import undeleted_posts

PAGE = 200
"""Rows: up to 4 MB of posts."""


class Edge(NamedTuple):
    """A follow, and the other user of it. None for who is suspended: others do not see them."""

    follow: Follow
    other_id: int
    other: User | None


AT_ONCE = max(1, settings.WEB_THREADS // 4)
_at_once = BoundedSemaphore(AT_ONCE)


def export(user_id: int) -> Iterator[bytes]:
    """The document in pieces, of which the first is empty. Read it to the end, or close it.

    The profile is read at once. Raises NotFound, ExportStillRunning, TooManyExports.
    """
    pieces = _pieces(user_id)
    next(pieces)  # takes the locks, which a generator that is closed gives back
    return pieces


def _pieces(user_id: int) -> Iterator[bytes]:
    with _turn(user_id):
        profile = _json(ExportedProfileSerializer(get_user_or_raise(user_id)).data)
        yield b""
        yield b'{"profile":' + profile
        yield from _lists(user_id)


@contextmanager
def _turn(user_id: int) -> Iterator[None]:
    at_once = _at_once
    if not at_once.acquire(blocking=False):
        raise TooManyExports
    try:
        # All databases of a server share its locks.
        with named_lock(f"export:{user_id}@{connection.settings_dict['NAME']}"[:64]) as is_ours:
            if not is_ours:
                raise ExportStillRunning
            yield
    finally:
        at_once.release()


def _lists(user_id: int) -> Iterator[bytes]:
    for name, serializer, pages in _sections(user_id):
        yield b',"%s":[' % name.encode()
        comma = b""
        for page in pages:
            yield comma + _json(serializer(page, many=True).data)[1:-1]
            comma = b","
        yield b"]"
    yield b"}"


def _sections(
    user_id: int,
) -> list[tuple[str, type[BaseSerializer[Any]], Iterable[list[Any]]]]:
    def pages(read: Callable[..., list[Any]], cursor: str) -> Iterator[list[Any]]:
        return _pages(lambda after: read(user_id, after=after, limit=PAGE), cursor)

    following = pages(edges_to_followees, "followee_id")
    followers = pages(edges_to_followers, "follower_id")
    return [
        ("posts", ExportedPostSerializer, pages(undeleted_posts, "pk")),
        ("following", ExportedEdgeSerializer, _edges(following, "followee_id")),
        ("followers", ExportedEdgeSerializer, _edges(followers, "follower_id")),
        ("reports", ExportedReportSerializer, pages(reports_by, "pk")),
        ("sessions", ExportedSessionSerializer, pages(open_sessions, "pk")),
        ("known_addresses", ExportedAddressSerializer, pages(known_addresses, "pk")),
    ]


def _pages(read: Callable[[int], list[Any]], cursor: str) -> Iterator[list[Any]]:
    """`read` gives the rows above a cursor, which is this attribute of the last row."""
    after = 0
    while page := read(after):
        yield page
        if len(page) < PAGE:
            return
        after = getattr(page[-1], cursor)


def _edges(pages: Iterable[list[Follow]], other: str) -> Iterator[list[Edge]]:
    for page in pages:
        ids = [getattr(follow, other) for follow in page]
        users = users_by_ids(ids)
        yield [Edge(follow, id_, users.get(id_)) for follow, id_ in zip(page, ids, strict=True)]


def _json(data: Any) -> bytes:
    return JSONRenderer().render(data)
