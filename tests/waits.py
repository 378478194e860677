"""What a busy machine is late for is no sign of a server that is away."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from newsfeed.kafka import producer, topic_admin

PATIENCE_SECONDS = 4.0
"""So long it is waited for."""


def patient(caches: dict[str, Any], seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """The same caches, but that a request waits for Redis for so long."""
    (location,) = caches["default"]["LOCATION"]
    waits = re.sub(r"timeout=[\d.]+", f"timeout={seconds}", location)
    return caches | {"default": caches["default"] | {"LOCATION": [waits]}}


PATIENT_WAITS: dict[tuple[Any, str], int] = {
    (producer, "METADATA_MS"): 1_000,  # and so long tests wait for topics that are missing
    (topic_admin, "PING_MS"): 4_000,
    (topic_admin, "CONNECT_MS"): 4_000,
}
REAL_WAITS = {(module, name): getattr(module, name) for module, name in PATIENT_WAITS}


@contextmanager
def kafka_waits(milliseconds: dict[tuple[Any, str], int]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for (module, name), value in milliseconds.items():
            patch.setattr(module, name, value)
        yield
