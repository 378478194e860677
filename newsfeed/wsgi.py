import os
import re
import sys
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")

WORKER_BOOT_ERROR = 3
"""At which gunicorn ends: with another code it would start the worker again and again."""
_PARAMETERS = re.compile(";[^,]*")


class _Request(WSGIRequest):
    """Forgets the parameters of media types, such as `charset`: all that we read is UTF-8.

    Django reads them before there is any middleware to answer for those that cannot be read. And
    Python remembers for ever each name of an encoding that it was asked for. Without a boundary
    there are no uploads either; no form of ours has any.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "").partition(";")[0]
        if accept := environ.get("HTTP_ACCEPT"):
            environ["HTTP_ACCEPT"] = _PARAMETERS.sub("", accept)
        super().__init__(environ)


class _Handler(WSGIHandler):
    request_class = _Request


try:
    django.setup(set_prefix=False)
    # manage.py checks by itself; gunicorn must not serve with a secret that everybody reads either.
    call_command("check")
except (ImproperlyConfigured, SystemCheckError) as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(WORKER_BOOT_ERROR)
application = _Handler()
