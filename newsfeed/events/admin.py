from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from newsfeed.events.models import OutboxEvent


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at, not to touch: a row that is removed here is an event that is lost."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "type", "created_at", "attempts", "claimed_by", "last_error")
    ordering = ("claimed_until",)

    @admin.display
    def type(self, event: OutboxEvent) -> str:
        return str(event.payload["type"])
