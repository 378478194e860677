"""Requests that every page of the admin refuses, also pages of Django and of libraries.

Django lets everybody who may look at a list filter it by any of its columns. A moderator who may
not see e-mail addresses could find them out, letter by letter, by `?email__startswith=`.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest, HttpResponse

LOOKUPS = ("exact", "in", "isnull", "isempty", "gte", "lt", "id__exact")
"""Of Django's filters."""
DATES = ("year", "month", "day")
"""Of the hierarchy of dates above a list."""


class GuardedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Goes before the admin class itself: `newsfeed.admin.site` does so for all."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only by what `list_filter` and `date_hierarchy` declare, each by its own lookups."""
        date = self.date_hierarchy
        if date and lookup in [f"{date}__{part}" for part in DATES]:
            return value.isascii() and value.isdecimal() and len(value) <= 4
        return any(_takes(item, lookup) for item in self.get_list_filter(request))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Raises BadRequest for chosen rows that are no ids: Django's own would fail on them."""
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                chosen.encode("ascii")  # Python reads digits of every script
                self.opts.pk.to_python(chosen)
        except (UnicodeEncodeError, ValidationError) as error:
            raise BadRequest from error
        return super().changelist_view(request, extra_context)


def _takes(item: Any, lookup: str) -> bool:
    """Whether a filter reads the parameter. `item` is one of ModelAdmin.list_filter."""
    if isinstance(item, type):
        parameter: str | None = getattr(item, "parameter_name", None)
        return lookup == parameter
    field = item if isinstance(item, str) else item[0]
    return lookup in [field, *(f"{field}__{name}" for name in LOOKUPS)]
