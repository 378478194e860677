from datetime import UTC
from typing import Any

from rest_framework import serializers

from accounts.models import User, valid_username
from accounts.passwords import normalise as normalise_password
from accounts.selectors import UserSummary
from accounts.usernames import normalise
from newsfeed.api.fields import LineField, StringField
from newsfeed.api.serializers import InputSerializer


class UsernameField(LineField):
    def to_internal_value(self, data: Any) -> str:
        return normalise(super().to_internal_value(data))


class NewUsernameField(UsernameField):
    @property
    def pattern(self) -> str:
        return r"^[@\t\n\r ]*[A-Za-z0-9_]{3,30}[\t\n\r ]*$"


class PasswordField(StringField):
    """At most 128 characters, in the form that is hashed: a syllable may come as three of them."""

    def __init__(self) -> None:
        super().__init__(max_length=128)

    def run_validators(self, value: str) -> None:
        super().run_validators(normalise_password(value))


class CredentialsSerializer(InputSerializer):
    username = UsernameField()
    password = PasswordField()
    device = StringField(required=False, allow_blank=True, max_length=512)
    otp = StringField(max_length=16, required=False)


class SignUpSerializer(InputSerializer):
    username = NewUsernameField(validators=[valid_username])
    password = PasswordField()
    display_name = LineField(max_length=50, allow_blank=True, default="")


class RefreshSerializer(InputSerializer):
    refresh = LineField()


class LogOutSerializer(InputSerializer):
    refresh = LineField(required=False)


class PasswordSerializer(InputSerializer):
    current_password = PasswordField()
    new_password = PasswordField()


class UserDeletionSerializer(InputSerializer):
    password = PasswordField()


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class UserQuerySerializer(serializers.Serializer[Any]):
    username = UsernameField()


class ProfileUpdateSerializer(InputSerializer):
    display_name = LineField(max_length=50, allow_blank=True)


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
    device = serializers.CharField()
    user = UserSummarySerializer()


class ExportedProfileSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    email = serializers.CharField()
    created_at = serializers.DateTimeField(source="date_joined", default_timezone=UTC)
