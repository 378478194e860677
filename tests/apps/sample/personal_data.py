from collections.abc import Iterator
from typing import Any

from rest_framework import serializers

from accounts.data_registry import erases, exports
from newsfeed.mysql.keyset import delete_some, in_key_order

from .models import Note


class ExportedNoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField()


@exports("notes", ExportedNoteSerializer, example={"text": "안녕!"})
def notes(user_id: int, size: int) -> Iterator[list[Note]]:
    return in_key_order(Note.objects.filter(user=user_id), size)


@erases
def erase_notes(user_id: int, limit: int) -> int:
    return delete_some(Note.objects.filter(user=user_id), limit)
