from datetime import UTC
from typing import Any

from rest_framework import serializers


class WaitingSerializer(serializers.Serializer[Any]):
    created_at = serializers.DateTimeField(default_timezone=UTC)
    attempts = serializers.IntegerField()
    published_to = serializers.IntegerField()
    last_error = serializers.CharField()


class DeadLetterSerializer(serializers.Serializer[Any]):
    topic = serializers.CharField()
    origin = serializers.CharField(source="__str__", help_text="topic[partition]@offset")
    error = serializers.CharField()
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField(default_timezone=UTC)


class ExplanationSerializer(serializers.Serializer[Any]):
    verdict = serializers.CharField()
    user_id = serializers.IntegerField()
    post_id = serializers.IntegerField(source="post.pk")
    author_id = serializers.IntegerField(source="post.user_id")
    deleted_at = serializers.DateTimeField(
        source="post.deleted_at", default_timezone=UTC, allow_null=True
    )
    hidden_at = serializers.DateTimeField(
        source="post.hidden_at", default_timezone=UTC, allow_null=True
    )
    followed_since = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    feed_state = serializers.ChoiceField(["cold", "building", "ready", "unknown"])
    floor = serializers.IntegerField(allow_null=True)
    in_redis = serializers.BooleanField()
    waiting = WaitingSerializer(allow_null=True)
    dead_letters = DeadLetterSerializer(many=True, allow_null=True)
