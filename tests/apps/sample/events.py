from typing import ClassVar

from newsfeed.events.event import Event, Id


class NoteWritten(Event, frozen=True, kw_only=True, tag="NOTE_WRITE"):
    about: ClassVar[str] = "note_id"
    note_id: Id
