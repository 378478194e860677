"""Lists of the admin that are as quick at a million rows as at ten.

Django's own count all rows for each page, sort by any column and reach a page by reading those
before it. These count nothing, have one order, which an index gives, and begin a page below the
last row of the one before it: see newsfeed.api.paging.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from newsfeed.text import is_blank

COUNTED = 1_000
DIGITS = 20
"""Of the largest id. Python refuses to read 4,300 and more."""


class KeysetChangeList(ChangeList):
    """`p` in the URL holds the last row's key, and not the number of a page."""

    model_admin: "KeysetAdmin"
    next_page_url = ""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        return [f"-{name}" for name in self.model_admin.keyset]

    def get_ordering_field_columns(self) -> dict[int, Any]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        """Ids by the index first, then rows by key: MySQL may think sorting all of them is less."""
        rest = self.queryset.filter(self._below(request.GET.get(PAGE_VAR, "")))
        ids = list(rest.values_list("pk", flat=True)[: self.list_per_page + 1])
        rows = self.root_queryset.order_by().in_bulk(ids[: self.list_per_page])
        self.result_list = [rows[id_] for id_ in ids if id_ in rows]
        if len(ids) > self.list_per_page and self.result_list:
            self.next_page_url = self.get_query_string({PAGE_VAR: self._key(self.result_list[-1])})
        # What the templates ask for; none of it needs more than this page.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True

    def _key(self, row: Model) -> str:
        return "-".join(str(getattr(row, name)) for name in self.model_admin.keyset)

    def _below(self, key: str) -> Q:
        """Raises IncorrectLookupParameters."""
        names = self.model_admin.keyset
        try:
            values = [int(value) for value in key.split("-")] if key else []
        except ValueError as error:
            raise IncorrectLookupParameters from error
        if key and len(values) != len(names):
            raise IncorrectLookupParameters
        below, equal = Q(), Q()
        for name, value in zip(names, values, strict=False):
            below |= equal & Q(**{f"{name}__lt": value})
            equal &= Q(**{name: value})
        # Implied, and what lets the index begin at the right place.
        return below & Q(**{f"{names[0]}__lte": values[0]}) if values else Q()


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """For the boxes that complete what is typed: counts no further than to a thousand."""

    @property
    def count(self) -> int:
        rows: Any = self.object_list[:COUNTED]
        return int(rows.count())


class KeysetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """`keyset`: what an index orders by, unique together and all of whole numbers."""

    keyset: tuple[str, ...] = ("pk",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    paginator = CappedPaginator
    change_list_template = "admin/keyset_change_list.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Django's own would compare numbers as texts, which no index can help with."""
        term = search_term.strip()
        if not self.search_fields or is_blank(term):
            return queryset, False
        return queryset.filter(self.found_by(term)), False

    def found_by(self, term: str) -> Q:
        """The rows that somebody means who types this; `search_fields` tells that one can."""
        raise NotImplementedError


def number(term: str) -> Iterator[int]:
    """The id that a term may be.

    >>> list(number("12")), list(number("alice")), list(number("٣"))
    ([12], [], [])
    """
    if term.isascii() and term.isdecimal() and len(term) <= DIGITS:
        yield int(term)


class ReadOnlyAdmin(KeysetAdmin):
    """To look at, not to touch."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
