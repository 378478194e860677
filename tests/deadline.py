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


def assert_quick(do: Callable[[], object], seconds: float, tries: int = 5) -> None:
    """Fails if it takes longer at every try: amid one of them the machine may stand still."""
    taken: list[float] = []
    while not taken or min(taken) >= seconds:
        assert len(taken) < tries, f"not within {seconds} s: {taken}"
        began = time.monotonic()
        do()
        taken.append(time.monotonic() - began)
