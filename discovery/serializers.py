from datetime import UTC
from typing import Any

from rest_framework import serializers


class ProfileSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="user.id")
    username = serializers.CharField(source="user.username")
    display_name = serializers.CharField(source="user.display_name")
    created_at = serializers.DateTimeField(source="user.date_joined", default_timezone=UTC)
    follower_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    post_count = serializers.IntegerField()
    followed_by_me = serializers.BooleanField()
