from django.contrib import admin
from django.http import HttpRequest

from follows.models import Follow


@admin.register(Follow)
class FollowAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["id", "follower_id", "followee_id", "created_at"]
    search_fields = ["=follower__username", "=followee__username"]
    ordering = ["-id"]
    raw_id_fields = ["follower", "followee"]
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Follow | None = None) -> bool:
        """Another edge is another follow, and feeds hear only of new and of removed ones."""
        return False
