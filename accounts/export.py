"""All that the service keeps of a user, as one JSON document that is never whole in memory.

A large export holds a thread while the client reads it. So each user has one at a time, and exports
take at most a quarter of the threads of a process.

Rows come in pages by key, each a short query or two, so an account of any size costs the same
memory. The document's last bracket is its last byte: what an error cuts off is no JSON.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.db import connection

from accounts import data_registry
from accounts.selectors import get_user_or_raise
from accounts.serializers import ExportedProfileSerializer
from newsfeed.api.exceptions import ExportStillRunning, TooManyExports
from newsfeed.api.json import JSONRenderer
from newsfeed.mysql.transactions import named_lock

PAGE = 200
"""Rows: up to 4 MB of posts."""


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
    for section in data_registry.sections:
        yield b',"%s":[' % section.name.encode()
        comma = b""
        for page in section.pages(user_id, PAGE):
            yield comma + _json(section.serializer(page, many=True).data)[1:-1]
            comma = b","
        yield b"]"
    yield b"}"


def _json(data: Any) -> bytes:
    return JSONRenderer().render(data)
