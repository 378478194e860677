import os
import re
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")

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


django.setup(set_prefix=False)
application = _Handler()
# manage.py checks by itself; gunicorn must not serve with a secret that everybody can read either.
call_command("check")
