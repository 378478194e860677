from newsfeed.events.event import Event, Id


class FollowEvent(Event, frozen=True, kw_only=True):
    """The actor is the follower."""

    followee_id: Id


class Followed(FollowEvent, frozen=True, tag="FOLLOW"):
    pass


class Unfollowed(FollowEvent, frozen=True, tag="UNFOLLOW"):
    pass
