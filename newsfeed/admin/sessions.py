"""How long a session at the admin lives.

It ends after ADMIN_IDLE_SECONDS without a request, and in any case ADMIN_SESSION_SECONDS after the
log-in (OWASP Session Management Cheat Sheet: both, enforced by the server). It also ends with the
sessions of the API: Django compares a hash that includes `User.auth_epoch`.
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
    extend(request.session)


def extend(session: SessionBase) -> bool:
    """Whether the session is still alive. If so, it gets another ADMIN_IDLE_SECONDS."""
    left = session.get(BEGAN, 0) + settings.ADMIN_SESSION_SECONDS - int(time.time())
    if left <= 0:
        session.flush()
        return False
    session.set_expiry(min(settings.ADMIN_IDLE_SECONDS, left))
    return True
