"""How long a session at the admin lives.

It ends when nobody has asked for a page for ADMIN_IDLE_SECONDS, and ADMIN_SESSION_SECONDS after the
log-in whatever happens (OWASP Session Management Cheat Sheet: both, enforced by the server). What
ends the sessions of the API ends it too: Django compares a hash that has `User.auth_epoch` in it.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

BEGAN = "began"


def begin(request: HttpRequest, **_: Any) -> None:
    """For Django's signal of a log-in."""
    request.session[BEGAN] = int(time.time())
    prolong(request.session)


def prolong(session: SessionBase) -> bool:
    """Whether the session is alive still. If so, it is for another ADMIN_IDLE_SECONDS."""
    left = session.get(BEGAN, 0) + settings.ADMIN_SESSION_SECONDS - int(time.time())
    if left <= 0:
        session.flush()
        return False
    session.set_expiry(min(settings.ADMIN_IDLE_SECONDS, left))
    return True
