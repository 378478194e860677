"""Walks over many rows in small queries: each begins above the last key of the one before it."""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import QuerySet

T = TypeVar("T")


def in_key_order(
    rows: QuerySet[Any, T], size: int, *, key: str = "pk", after: int = 0
) -> Iterator[list[T]]:
    """Pages of up to `size` of the rows with a key above `after`, lowest key first.

    Rows are objects, or keys alone (`values_list(key, flat=True)`).
    """
    rows = rows.order_by(key)
    while page := list(rows.filter(**{f"{key}__gt": after})[:size]):
        yield page
        if len(page) < size:
            return
        after = key_of(page[-1], key)


def key_of(row: Any, key: str) -> int:
    return row if isinstance(row, int) else getattr(row, key)


def delete_some(rows: QuerySet[Any], size: int) -> int:
    """Deletes up to `size` of the rows, so that no lock is held for long. Returns the number.

    By their ids: Django deletes no slice.
    """
    ids = list(rows.values_list("pk", flat=True)[:size])
    rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)
