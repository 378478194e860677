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


class ExportedProfileSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    email = serializers.CharField()
    created_at = serializers.DateTimeField(source="date_joined", default_timezone=UTC)


class ExportedPostSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    content = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
    edited_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    hidden_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class ExportedEdgeSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="other_id")
    username = serializers.CharField(source="other.username", default=None, allow_null=True)
    followed_at = serializers.DateTimeField(source="follow.created_at", default_timezone=UTC)


class ExportedReportSerializer(serializers.Serializer[Any]):
    post_id = serializers.IntegerField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)


class ExportedSessionSerializer(serializers.Serializer[Any]):
    created_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    expires_at = serializers.DateTimeField(default_timezone=UTC)


class ExportedAddressSerializer(serializers.Serializer[Any]):
    """The address itself is not kept: `accounts.known_clients`."""

    last_login_at = serializers.DateTimeField(default_timezone=UTC)
    expires_at = serializers.DateTimeField(default_timezone=UTC)


# As `feeds.export` puts it together.
class ExportSerializer(serializers.Serializer[Any]):
    profile = ExportedProfileSerializer()
    posts = ExportedPostSerializer(many=True)
    following = ExportedEdgeSerializer(many=True)
    followers = ExportedEdgeSerializer(many=True)
    reports = ExportedReportSerializer(many=True)
    sessions = ExportedSessionSerializer(many=True)
    known_addresses = ExportedAddressSerializer(many=True)
