import os
import re
import sys
from collections.abc import Callable
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpResponse
from django.http.response import HttpResponseBase

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
        if environ.get("HTTP_TRANSFER_ENCODING"):
            _measure_body(environ)
        super().__init__(environ)


def _measure_body(environ: dict[str, Any]) -> None:
    """Django reads as many bytes as Content-Length says: none of a body in chunks.

    Of a body that is too large it gets enough to refuse it. For malformed chunks gunicorn raises an
    error, which goes back to it and becomes a 400.
    """
    body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))


class _Handler(WSGIHandler):
    request_class = _Request

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> HttpResponseBase:
        response = super().__call__(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return response
        # The fields of GET without its body, which gunicorn would drop with a warning each time.
        response.close()
        return HttpResponse()


try:
    django.setup(set_prefix=False)
    # manage.py checks by itself; gunicorn must not serve with a secret that everybody reads either.
    call_command("check")
except (ImproperlyConfigured, SystemCheckError) as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(WORKER_BOOT_ERROR)
application = _Handler()
