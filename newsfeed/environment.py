"""Reads variables of the environment, and names the one that is wrong."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


class Env(environ.Env):  # type: ignore[misc]
    def int(self, var: str, default: Any) -> Any:
        """django-environ would tell only the value."""
        try:
            return super().int(var, default)
        except ValueError:
            value = self.ENVIRON[var]
            raise ImproperlyConfigured(f"{var} is {value!r}; it must be a whole number.") from None

    def database(self, var: str, default: str) -> dict[str, Any]:
        """Nothing of the value is told: a password may be in it."""
        try:
            config: dict[str, Any] = self.db_url(var, default)
        except ValueError:
            form = "mysql://user:password@host:3306/newsfeed"
            raise ImproperlyConfigured(f"{var} must be like {form}.") from None
        return {"ENGINE": "", "HOST": "", "PORT": "", "NAME": ""} | config
