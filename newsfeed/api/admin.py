from django.contrib import admin
from django.db.models import Q

from newsfeed.admin.lists import ReadOnlyAdmin, number
from newsfeed.api.models import IdempotencyKey


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """To look at, not to touch: without its row, a POST that is sent again makes a second post."""

    list_display = ["user_id", "key", "created_at"]
    search_fields = ["user_id"]
    search_help_text = "The id of a user."

    def found_by(self, term: str) -> Q:
        return Q(user_id__in=number(term))
