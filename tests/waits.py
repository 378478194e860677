"""What a busy machine is late for is no sign of a server that is away."""

from collections.abc import Callable

from newsfeed.time_limits import TimeLimits

PATIENCE_SECONDS = 4.0
PATIENT = TimeLimits(
    redis_request=PATIENCE_SECONDS,
    kafka_metadata=1.0,  # and so long tests wait for topics that are missing
    kafka_connect=PATIENCE_SECONDS,
    kafka_ping=PATIENCE_SECONDS,
)
SetLimits = Callable[..., None]
"""Takes the fields of TimeLimits that a test changes."""
