from collections.abc import Iterator
from datetime import UTC
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.data_registry import erases, erases_at_the_end, exports
from accounts.models import KnownAddress, RefreshToken
from accounts.services import delete_refresh_tokens
from accounts.traces import erase_traces
from newsfeed.api.answers import forget_answers
from newsfeed.mysql.keyset import in_key_order


class ExportedSessionSerializer(serializers.Serializer[Any]):
    created_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    expires_at = serializers.DateTimeField(default_timezone=UTC)


class ExportedAddressSerializer(serializers.Serializer[Any]):
    """The address itself is not kept: `accounts.known_clients`."""

    last_login_at = serializers.DateTimeField(default_timezone=UTC)
    expires_at = serializers.DateTimeField(default_timezone=UTC)


@exports(
    "sessions",
    ExportedSessionSerializer,
    example={"created_at": "2026-11-21T09:30:00Z", "expires_at": "2026-12-21T09:30:00Z"},
)
def open_sessions(user_id: int, size: int) -> Iterator[list[RefreshToken]]:
    """The refresh tokens that can still be used: one a session."""
    usable = RefreshToken.objects.filter(user=user_id, used_at=None, revoked_at=None)
    return in_key_order(usable.filter(expires_at__gt=timezone.now()), size)


@exports(
    "known_addresses",
    ExportedAddressSerializer,
    example={"last_login_at": "2026-11-21T09:30:00Z", "expires_at": "2026-12-21T09:30:00Z"},
)
def known_addresses(user_id: int, size: int) -> Iterator[list[KnownAddress]]:
    return in_key_order(KnownAddress.objects.filter(user=user_id), size)


@erases
def erase_answers(user_id: int, limit: int) -> int:
    return forget_answers(user_id, limit=limit)


@erases
def erase_sessions(user_id: int, limit: int) -> int:
    return delete_refresh_tokens(user_id, limit=limit)


erases_at_the_end(erase_traces)
