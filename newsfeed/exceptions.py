class Unavailable(Exception):
    """Something that is needed cannot be reached: the same is tried again later."""

    server = "Kafka"


class CannotGoOn(Exception):
    """The process must end with this one line, and people must look."""


class Unreadable(CannotGoOn):
    """Kafka gives what this client cannot unpack."""
