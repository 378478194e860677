from django.utils import timezone

from newsfeed.events.recording import record
from newsfeed.mysql.transactions import transactional

from .events import NoteWritten
from .models import Note


@transactional
def write_note(user_id: int, text: str) -> Note:
    note = Note.objects.create(user_id=user_id, text=text)
    record(NoteWritten(actor_id=user_id, note_id=note.pk))
    return note


@transactional
def hide_note(note_id: int) -> Note:
    Note.objects.filter(pk=note_id).update(hidden_at=timezone.now())
    return Note.objects.get(pk=note_id)
