from django.contrib import admin
from django.http import HttpRequest

from posts.models import IdempotencyKey, Post


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "user_id", "content", "created_at", "deleted_at"]
    search_fields = ["=id", "=user__username"]
    ordering = ["-id"]
    raw_id_fields = ["user"]
    readonly_fields = ["deleted_at"]
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Post | None = None) -> list[str]:
        """A post does not change its author: the new one's followers would not hear of it."""
        return [*self.readonly_fields, "user"] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """Deleting is soft; a row that is gone could not be shown to a moderator."""
        return False


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at, not to touch: without its row, a POST that is sent again makes a second post."""

    list_display = ["user_id", "key", "created_at"]
    search_fields = ["=user_id", "=key"]
    ordering = ["-created_at"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: IdempotencyKey | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: IdempotencyKey | None = None
    ) -> bool:
        return False
