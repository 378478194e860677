from collections.abc import Sequence

from django.utils import timezone

from newsfeed.events.groups import consumer

from .events import NoteWritten
from .models import Note


@consumer("sample", NoteWritten)
def read_notes(events: Sequence[NoteWritten]) -> None:
    ids = [event.note_id for event in events]
    Note.objects.filter(pk__in=ids, read_at=None).update(read_at=timezone.now())
