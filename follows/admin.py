from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from accounts.selectors import ids_named
from follows.models import Follow
from newsfeed.admin.lists import KeysetAdmin


@admin.register(Follow)
class FollowAdmin(KeysetAdmin):
    list_display = ["id", "follower_id", "followee_id", "created_at"]
    search_fields = ["follower__username", "followee__username"]
    search_help_text = "The exact name of either."
    autocomplete_fields = ["follower", "followee"]

    def has_change_permission(self, request: HttpRequest, obj: Follow | None = None) -> bool:
        """Another edge is another follow, and feeds hear only of new and of removed ones."""
        return False

    def found_by(self, term: str) -> Q:
        ids = ids_named(term)
        return Q(follower__in=ids) | Q(followee__in=ids)
