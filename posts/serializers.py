from datetime import UTC
from typing import Any

from rest_framework import serializers

from accounts.serializers import UserSummarySerializer
from newsfeed.api.fields import TextField
from newsfeed.api.serializers import InputSerializer
from posts.models import Post
from posts.selectors import FeedPost


class PostContentSerializer(InputSerializer):
    content = TextField(max_length=Post.MAX_LENGTH)


class PostSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    content = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
    edited_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    author = UserSummarySerializer(source="user")

    def to_representation(self, instance: Post | FeedPost) -> dict[str, Any]:
        """By hand: walking the fields would be the larger part of a feed's answer.

        Give it posts whose `user` is loaded, or each one costs a query.
        """
        return {
            "id": instance.pk,
            "content": instance.content,
            "created_at": instance.created_at,
            "edited_at": instance.edited_at,
            "author": _author.to_representation(instance.user),
        }


_author = UserSummarySerializer()


class PostPageSerializer(serializers.Serializer[Any]):
    results = PostSerializer(many=True)
    next = serializers.URLField(allow_null=True)
