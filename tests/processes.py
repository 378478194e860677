"""Ending what a test has started. What nobody waits for, Python warns of in another test."""

import signal
import subprocess


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
