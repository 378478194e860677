from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework import serializers

from accounts.models import User
from accounts.serializers import UserSummarySerializer
from newsfeed.api.json import JSONRenderer
from posts.models import Post
from posts.serializers import PostSerializer


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Seoul"])
def test_a_post_written_by_hand_is_the_declared_one(
    post: Post, settings: Settings, time_zone: str
) -> None:
    settings.TIME_ZONE = time_zone
    _assert_declared(PostSerializer(), post)


def test_an_author_written_by_hand_is_the_declared_one(alice: User) -> None:
    _assert_declared(UserSummarySerializer(), alice)


def _assert_declared(serializer: serializers.Serializer[Any], instance: object) -> None:
    by_hand = serializer.to_representation(instance)
    declared = serializers.Serializer.to_representation(serializer, instance)
    assert JSONRenderer().render(by_hand) == JSONRenderer().render(declared)
