import orjson
import pytest
from django.conf import Settings
from rest_framework import serializers

from accounts.serializers import UserSummarySerializer
from newsfeed.api.json import JSONRenderer
from posts.models import Post
from posts.serializers import PostSerializer


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Seoul"])
def test_the_shapes_written_by_hand_are_the_declared_ones(
    post: Post, settings: Settings, time_zone: str
) -> None:
    settings.TIME_ZONE = time_zone
    for serializer, instance in ((PostSerializer(), post), (UserSummarySerializer(), post.user)):
        by_hand = serializer.to_representation(instance)
        declared = serializers.Serializer.to_representation(serializer, instance)
        assert orjson.loads(JSONRenderer().render(by_hand)) == orjson.loads(
            JSONRenderer().render(declared)
        )
        assert list(by_hand) == list(declared)
