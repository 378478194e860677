from datetime import UTC
from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.selectors import UserSummary
from newsfeed.api.fields import StringField
from newsfeed.api.serializers import InputSerializer


class CredentialsSerializer(InputSerializer):
    username = StringField()
    password = StringField(trim_whitespace=False, max_length=128)


class SignUpSerializer(InputSerializer):
    username = StringField(
        trim_whitespace=False, validators=User._meta.get_field("username").validators
    )
    password = StringField(trim_whitespace=False, max_length=128)
    display_name = StringField(max_length=50, allow_blank=True, default="")


class RefreshSerializer(InputSerializer):
    refresh = StringField()


class LogOutSerializer(InputSerializer):
    refresh = StringField(required=False)


class PasswordSerializer(InputSerializer):
    current_password = StringField(trim_whitespace=False, max_length=128)
    new_password = StringField(trim_whitespace=False, max_length=128)


class UserDeletionSerializer(InputSerializer):
    password = StringField(trim_whitespace=False, max_length=128)


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class UserQuerySerializer(serializers.Serializer[Any]):
    username = StringField()


class ProfileUpdateSerializer(InputSerializer):
    display_name = StringField(max_length=50, allow_blank=True)


class UserSummarySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    display_name = serializers.CharField()

    def to_representation(self, instance: User | UserSummary) -> dict[str, Any]:
        """By hand: it runs for each post of a feed, where walking the fields costs the most."""
        return {
            "id": instance.pk,
            "username": instance.username,
            "display_name": instance.display_name,
        }


class UserPageSerializer(serializers.Serializer[Any]):
    results = UserSummarySerializer(many=True)
    next = serializers.URLField(allow_null=True)


class LoginSerializer(TokensSerializer):
    user = UserSummarySerializer()


class ProfileSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="user.id")
    username = serializers.CharField(source="user.username")
    display_name = serializers.CharField(source="user.display_name")
    created_at = serializers.DateTimeField(source="user.date_joined", default_timezone=UTC)
    follower_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    post_count = serializers.IntegerField()
    followed_by_me = serializers.BooleanField()
