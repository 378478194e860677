"""Runs a command of manage.py. If a server is away or a path not writable, one line says so."""

import signal
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

INTERRUPTED = 130
"""The exit code that shells have for Ctrl-C: 128 and the signal's number."""


def main(argv: list[str]) -> None:
    """Raises SystemExit(1) after such a line. --traceback, and a bug, show a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see manage.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        execute_from_command_line(argv)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        sentence = _sentence(error)
        if not sentence or "--traceback" in argv:
            raise
        sys.stderr.write(f"{sentence}\n")
        sys.exit(1)


def _sentence(error: Exception) -> str:
    """Empty for what may be a bug."""
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    # They need the settings, which may be wrong.
    from newsfeed.exceptions import Unavailable  # noqa: PLC0415
    from newsfeed.mysql.transactions import is_outage  # noqa: PLC0415
    from newsfeed.redis.client import RedisError, RedisUnavailable  # noqa: PLC0415

    if is_outage(error):
        return f"MySQL does not answer: {error.args[-1] if error.args else error!r}"
    if isinstance(error, RedisError | RedisUnavailable):
        return f"Redis does not answer: {error}"
    if isinstance(error, Unavailable):
        return f"{error.server} does not answer: {error}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return ""
