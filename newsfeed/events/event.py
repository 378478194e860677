"""What an app tells the others: an event type is a class, declared in the `events.py` of its app.

    class CommentCreated(Event, frozen=True, kw_only=True, tag="COMMENT_CREATE"):
        about: ClassVar[str] = "post_id"
        post_id: Id
        comment_id: Id

The tag is its `type` on the wire. The fields follow the envelope there in the order of the class.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID, uuid4

import msgspec
from django.utils import timezone

from newsfeed.kafka.topics import Topic

# A Redis score is a double: ids above 2^53 would tie.
Id = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The envelope of each event. Subclasses add the ids that they need, as required fields.

    They say `frozen=True` again for mypy, and `kw_only=True` or msgspec puts their fields first.
    """

    about: ClassVar[str] = "actor_id"
    """The field with the id of what the event is about: such events share a partition."""

    version: Literal[1] = 1
    event_id: UUID = msgspec.field(default_factory=uuid4)
    occurred_at: Time = msgspec.field(default_factory=timezone.now)
    actor_id: Id

    @property
    def type(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def entity_id(self) -> int:
        """The message key, from which the partition comes."""
        id_: int = getattr(self, self.about)
        return id_

    @staticmethod
    def topic() -> str:
        """The topic for an event that is published now."""
        return Topic.ACTIVITY.today()
