"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], object],
    seconds: float,
    what: str,
    instead: Callable[[], object] = lambda: "",
) -> float:
    """Returns after how many seconds the condition held.

    Fails when it does not in time, and tells what is there `instead`.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s: {what}. {instead()}")
        time.sleep(0.02)
    return time.monotonic() - began
