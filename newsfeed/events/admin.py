from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from newsfeed.admin.lists import ReadOnlyAdmin
from newsfeed.events.failures import AWAY
from newsfeed.events.models import DeadLetter, OutboxEvent
from newsfeed.events.replay import apply_again, settle_row


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    """A row that is removed here is an event that is lost."""

    list_display = ("event_id", "type", "created_at", "attempts", "claimed_by", "last_error")

    @admin.display
    def type(self, event: OutboxEvent) -> str:
        return str(event.payload["type"])


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("origin", "group", "error", "attempts", "created_at", "replayed_at")
    list_filter = ("topic", "group", ("replayed_at", admin.EmptyFieldListFilter))
    fields = (
        "origin",
        "topic",
        "group",
        "payload",
        "error",
        "attempts",
        "created_at",
        "replayed_at",
    )
    actions = ("replay",)

    @admin.display
    def origin(self, letter: DeadLetter) -> str:
        return str(letter)

    @admin.display
    def payload(self, letter: DeadLetter) -> str:
        return bytes(letter.value).decode(errors="backslashreplace")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("events.change_deadletter")

    @admin.action(description="Replay selected dead letters", permissions=["replay"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """One by one; those that are replayed already are left alone."""
        replayed = failed = 0
        try:
            for letter in letters.filter(replayed_at=None).order_by("pk"):
                applied = apply_again(letter)
                settle_row(letter)
                replayed += applied
                failed += not applied
        except AWAY as error:
            self.message_user(request, f"Stopped, as something is away: {error}", messages.ERROR)
        level = messages.WARNING if failed else messages.INFO
        self.message_user(request, f"Replayed {replayed}, failed {failed}.", level)
