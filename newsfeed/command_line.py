"""What manage.py does: runs a command, and tells in a line what keeps it from its work."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main(argv: list[str]) -> None:
    """Raises SystemExit: 1 for what cannot be done, 130 for Ctrl-C, as shells tell it."""
    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
