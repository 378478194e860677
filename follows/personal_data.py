from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any, NamedTuple

from rest_framework import serializers

from accounts.data_registry import erases, exports
from accounts.models import User
from accounts.selectors import users_by_ids
from follows.models import Follow
from follows.services import remove_followees
from newsfeed.mysql.keyset import in_key_order


class Edge(NamedTuple):
    """A follow, and the other user of it. None for who is suspended: others do not see them."""

    follow: Follow
    other_id: int
    other: User | None


class ExportedEdgeSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="other_id")
    username = serializers.CharField(source="other.username", default=None, allow_null=True)
    followed_at = serializers.DateTimeField(source="follow.created_at", default_timezone=UTC)


_BOB = {"id": 7, "username": "bob", "followed_at": "2026-11-21T09:30:00Z"}


@exports("following", ExportedEdgeSerializer, example=_BOB)
def following(user_id: int, size: int) -> Iterator[list[Edge]]:
    edges = Follow.objects.filter(follower=user_id)
    return _edges(in_key_order(edges, size, key="followee_id"), "followee_id")


@exports("followers", ExportedEdgeSerializer, example=_BOB | {"username": None})
def followers(user_id: int, size: int) -> Iterator[list[Edge]]:
    edges = Follow.objects.filter(followee=user_id)
    return _edges(in_key_order(edges, size, key="follower_id"), "follower_id")


def _edges(pages: Iterable[list[Follow]], other: str) -> Iterator[list[Edge]]:
    for page in pages:
        ids = [getattr(follow, other) for follow in page]
        users = users_by_ids(ids)
        yield [Edge(follow, id_, users.get(id_)) for follow, id_ in zip(page, ids, strict=True)]


@erases
def erase_followees(user_id: int, limit: int) -> int:
    """Edges to followers go with the feeds: they tell whose feeds hold the user's posts."""
    return remove_followees(user_id, limit=limit)
