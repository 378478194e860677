from datetime import UTC
from typing import Any

from rest_framework import serializers

from moderation.models import MAX_REASON
from newsfeed.api.fields import StringField
from newsfeed.api.serializers import InputSerializer


class ReportReasonSerializer(InputSerializer):
    reason = StringField(max_length=MAX_REASON)


class ReportSerializer(serializers.Serializer[Any]):
    post_id = serializers.IntegerField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField(default_timezone=UTC)
