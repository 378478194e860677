class Unavailable(Exception):
    """Something that is needed cannot be reached: the same is tried again later."""
