"""The id of a request, on its way through Kafka into the log of whoever applies its records."""

import logging
from collections.abc import Sequence
from typing import Any

from newsfeed.events.failures import Outcome, Skipped
from newsfeed.events.models import DeadLetter

logger = logging.getLogger(__name__)

HEADER = "request-id"


def headers(request_id: str) -> list[tuple[str, bytes]] | None:
    return [(HEADER, request_id.encode())] if request_id else None


def log(raws: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
    """A line for each record that carries an id, with what has become of the record."""
    for raw, outcome in zip(raws, outcomes, strict=True):
        for name, value in raw.headers:
            if name == HEADER:
                fields = {
                    "request_id": (value or b"").decode(errors="replace"),
                    "topic": raw.topic,
                    "partition": raw.partition,
                    "offset": raw.offset,
                }
                logger.info(_name(outcome), extra=fields)


def _name(outcome: Outcome) -> str:
    if isinstance(outcome, DeadLetter):
        return "dead letter"
    return "skipped" if isinstance(outcome, Skipped) else "applied"
