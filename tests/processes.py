"""Processes that a test starts. What nobody waits for, Python warns of in another test."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from dev.control import ROOT, Control
from tests.deadline import wait_until


def end(
    process: "subprocess.Popen[bytes]",
    number: signal.Signals = signal.SIGTERM,
    seconds: float = 60,
) -> int:
    """Its exit code. Raises TimeoutExpired when it does not end in time, and is ended by force."""
    process.send_signal(number)
    try:
        return process.wait(seconds)
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """If it runs still."""
    process.kill()
    process.wait()


class Program:
    """Python with these arguments, in this environment on top of the test's. Killed at the end of
    its block."""

    def __init__(self, log: Path, *arguments: str, **variables: str) -> None:
        self._path, self._arguments, self._env = log, arguments, os.environ | variables

    def start(self) -> Self:
        with self._path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
            )
        return self

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        kill(self.process)

    def wait_until(self, reached: Callable[[], object], seconds: float = 60) -> None:
        def is_reached() -> object:
            assert self.process.poll() is None, self.log()
            return reached()

        wait_until(is_reached, seconds, "the process gets there", self.log)

    def wait(self, seconds: float = 60) -> int:
        """The exit code."""
        return self.process.wait(seconds)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        return end(self.process, number)

    def log(self) -> str:
        return self._path.read_text()


def another_worker(stack: Control, *command: str, **variables: str) -> Program:
    """A command of manage.py beside the service's own workers."""
    log = stack.state / "log" / f"another-{command[0]}.log"
    return Program(log, "manage.py", *command, **stack.env | variables)
