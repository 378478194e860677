from django.contrib import admin
from django.http import HttpRequest

from newsfeed.events.models import OutboxEvent


@admin.register(OutboxEvent)
class OutboxEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at, not to touch: a row that is removed here is an event that is lost."""

    list_display = ("event_id", "type", "created_at", "attempts", "claimed_by", "last_error")
    ordering = ("claimed_until",)
    show_full_result_count = False

    @admin.display
    def type(self, event: OutboxEvent) -> str:
        return str(event.payload["type"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False
