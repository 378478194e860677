from typing import ClassVar

import msgspec

from newsfeed.events.event import Event, Id


class PostEvent(Event, frozen=True, kw_only=True):
    about: ClassVar[str] = "post_id"
    post_id: Id


class PostCreated(PostEvent, frozen=True, tag="POST_CREATE"):
    pass


class PostUpdated(PostEvent, frozen=True, tag="POST_UPDATE"):
    pass


class VisibilityChanged(PostEvent, frozen=True, kw_only=True):
    """The post leaves the feeds, or returns to them."""

    settled_to: Id | msgspec.UnsetType | None = msgspec.UNSET
    """The rest of an earlier event: followers up to this id have been seen to."""


class PostDeleted(VisibilityChanged, frozen=True, tag="POST_DELETE"):
    pass


class PostHidden(VisibilityChanged, frozen=True, tag="POST_HIDE"):
    pass


class PostUnhidden(VisibilityChanged, frozen=True, tag="POST_UNHIDE"):
    pass
