from datetime import UTC
from typing import Any

from rest_framework import serializers


class FollowSerializer(serializers.Serializer[Any]):
    follower_id = serializers.IntegerField()
    followee_id = serializers.IntegerField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
