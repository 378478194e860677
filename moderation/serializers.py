from datetime import UTC
from typing import Any

from rest_framework import serializers

from moderation.models import MAX_REASON
from newsfeed.api.fields import TextField
from newsfeed.api.serializers import InputSerializer


class ReportReasonSerializer(InputSerializer):
    reason = TextField(max_length=MAX_REASON)

    def validate_reason(self, reason: str) -> str:
        return reason.strip()


class ReportSerializer(serializers.Serializer[Any]):
    post_id = serializers.IntegerField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
