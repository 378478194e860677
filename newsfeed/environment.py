"""Reads settings from environment variables, and refuses all that are wrong at once.

A value is taken as it stands: `$` means nothing in it, unlike in django-environ's own readers.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
D = TypeVar("D")

MOST = 2**31 - 1
"""The largest integer of the servers. No setting needs more."""
SECRET_BYTES = 32
"""HS256 wants a key as long as its hash (RFC 7518, 3.2)."""
FLAGS = {"true": True, "yes": True, "on": True, "1": True}
FLAGS |= {"false": False, "no": False, "off": False, "0": False}
NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
HOST = rf"({NAME}|\[[0-9A-Fa-f:.]+\])"
PORT = r"(6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"
ADDRESS = f"{HOST}:{PORT}"
# Django answers to no name with an underscore.
SITE = r"(\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])"
ORIGIN = rf"https?://{HOST}(:{PORT})?"
ORIGINS = rf"https?://(\*\.)?{HOST}(:{PORT})?"


class Env:
    """Readers return the default for a variable that is not set, and for one that is wrong.

    `refuse_wrong` then names all wrong ones. A parser raises ValueError with what a value must be.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._variables = variables
        self._wrong: list[str] = []

    def refuse_wrong(self) -> None:
        """Raises ImproperlyConfigured: a line for each variable, which it names."""
        if self._wrong:
            raise ImproperlyConfigured("\n".join(self._wrong))

    def parsed(
        self, var: str, default: D, parse: Callable[[str], T], *, secret: bool = False
    ) -> T | D:
        """What `parse` makes of it. The message for a secret does not show the value."""
        if var not in self._variables:
            return default
        value = self._variables[var]
        try:
            return parse(value)
        except ValueError as error:
            subject = var if secret else f"{var} is {value!r}; it"
            self._wrong.append(f"{subject} {error}.")
            return default

    def text(self, var: str, default: str, pattern: str, must: str) -> str:
        return self.parsed(var, default, lambda value: _matching(value, pattern, must))

    def texts(self, var: str, default: list[str], pattern: str, must: str) -> list[str]:
        """With commas between. Only a list that is empty by default may be empty."""

        def parse(value: str) -> list[str]:
            items = [item.strip() for item in value.split(",") if item.strip()]
            if default and not items:
                raise ValueError(f"must {must}")
            return [_matching(item, pattern, must) for item in items]

        return self.parsed(var, default, parse)

    def choice(self, var: str, default: str, choices: Iterable[str]) -> str:
        """In small letters or large ones."""
        known = {choice.lower(): choice for choice in choices}

        def parse(value: str) -> str:
            if value.strip().lower() not in known:
                raise ValueError(f"must be {_either(known.values())}")
            return known[value.strip().lower()]

        return self.parsed(var, default, parse)

    def flag(self, var: str, *, default: bool) -> bool:
        def parse(value: str) -> bool:
            if value.strip().lower() not in FLAGS:
                raise ValueError("must be true or false")
            return FLAGS[value.strip().lower()]

        return self.parsed(var, default, parse)

    def number(self, var: str, default: int, least: int = 1, most: int = MOST) -> int:
        return self.parsed(var, default, whole_number(least, most))

    def secret(self, var: str, default: str, *, optional: bool = False) -> str:
        def parse(value: str) -> str:
            if len(value.encode()) < SECRET_BYTES and not (optional and not value):
                raise ValueError(f"must be random and have {SECRET_BYTES} bytes or more")
            return value

        return self.parsed(var, default, parse, secret=True)

    def time_zone(self, var: str, default: str) -> str:
        return self.parsed(var, default, _time_zone)

    def database(self, var: str, default: str, *, optional: bool = False) -> dict[str, Any]:
        """For Django's DATABASES; empty if the variable is, where that may be."""

        def parse(url: str) -> dict[str, Any]:
            return {} if optional and not url else _database(url)

        return self.parsed(var, parse(default), parse, secret=True)


def whole_number(least: int = 1, most: int = MOST) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"\s*-?\d{1,18}\s*", value, re.ASCII):
            raise ValueError("must be a whole number")
        if not least <= int(value) <= most:
            raise ValueError(f"must be from {least} to {most}")
        return int(value)

    return parse


def _matching(value: str, pattern: str, must: str) -> str:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError(f"must {must}")
    return value


def _either(choices: Iterable[str]) -> str:
    """
    >>> _either(["DEBUG", "INFO", "ERROR"])
    'DEBUG, INFO or ERROR'
    """
    *some, last = choices
    return f"{', '.join(some)} or {last}"


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a name of the IANA's list, like Europe/Berlin") from None
    return name


def _database(url: str) -> dict[str, Any]:
    must = ValueError("must be like mysql://user:password@host:3306/newsfeed")
    if not url.startswith("mysql://"):
        raise must
    try:
        config: dict[str, Any] = environ.Env.db_url_config(url)
    except ValueError:
        raise must from None
    if not config["HOST"] or not config["USER"] or not config["NAME"]:
        raise must
    if set(url.partition("://")[2].partition("/")[2]) & set("/?#"):
        raise ValueError("must end with the name of the database")
    return config
