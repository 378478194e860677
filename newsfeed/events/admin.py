from django.contrib import admin

from newsfeed.admin.lists import ReadOnlyAdmin
from newsfeed.events.models import OutboxEvent


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """A row that is removed here is an event that is lost."""

    list_display = ("event_id", "type", "created_at", "attempts", "claimed_by", "last_error")

    @admin.display
    def type(self, event: OutboxEvent) -> str:
        return str(event.payload["type"])
