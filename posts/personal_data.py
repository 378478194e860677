from collections.abc import Iterator
from datetime import UTC
from typing import Any

from rest_framework import serializers

from accounts.data_registry import erases, exports
from newsfeed.mysql.keyset import in_key_order
from posts.models import Post
from posts.services import erase_posts_of


class ExportedPostSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    content = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
    edited_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    hidden_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


@exports(
    "posts",
    ExportedPostSerializer,
    example={
        "id": 42,
        "content": "안녕!",
        "created_at": "2026-11-21T09:30:00Z",
        "edited_at": None,
        "hidden_at": None,
    },
)
def undeleted_posts(user_id: int, size: int) -> Iterator[list[Post]]:
    """With those that are hidden."""
    return in_key_order(Post.objects.filter(user=user_id, deleted_at=None), size)


@erases
def erase_posts(user_id: int, limit: int) -> int:
    return erase_posts_of(user_id, limit=limit)
