"""Threads that are at work while a test does something else."""

from collections.abc import Callable, Iterable
from threading import Event, Thread
from typing import Self


class Threads:
    """Run inside `with`; at its end `over` is set, and they are waited for."""

    def __init__(self, targets: Iterable[Callable[[], None]]) -> None:
        self.over = Event()
        self._threads = [Thread(target=target) for target in targets]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()
