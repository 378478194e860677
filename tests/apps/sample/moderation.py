from moderation.targets import Target, Verb, register

from .models import Note
from .services import hide_note


def _lock(note_id: int) -> Note:
    return Note.objects.select_for_update().get(pk=note_id)


NOTE = Target(
    name="note",
    model=Note,
    permission="sample.change_note",
    lock=_lock,
    fields=("hidden_at",),
    describe=str,
    author="user",
)
register(Verb(NOTE, "hide_note", "Hide note", hide_note))
