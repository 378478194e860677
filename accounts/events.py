from newsfeed.events.event import Event


class UserDeleted(Event, frozen=True, tag="USER_DELETE"):
    """And with the user all posts and follows: no event tells of each of those."""
