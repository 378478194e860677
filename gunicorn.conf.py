"""gunicorn reads this file from the folder it is started in."""

import os

from django.core.exceptions import ImproperlyConfigured

from newsfeed.server.hooks import (  # noqa: F401 (gunicorn takes them by their names)
    child_exit,
    on_exit,
    on_starting,
    post_fork,
    post_worker_init,
    when_ready,
)

try:
    from newsfeed import settings
except ImproperlyConfigured as error:
    raise SystemExit(str(error)) from None

wsgi_app = "newsfeed.wsgi:application"
bind = settings.WEB_BIND
workers = settings.WEB_CONCURRENCY
threads = settings.WEB_THREADS
worker_class = "newsfeed.server.worker.Worker"
# Files go out as other answers do, within the worker's bounds.
sendfile = False
# Longer than load balancers keep idle connections (60 s): so it is never we who close one
# just as the next request comes in.
keepalive = 75
graceful_timeout = 20
# The workers' heartbeat is a file: on a slow disk a healthy worker would look hung.
shm = "/dev/shm"  # noqa: S108 (gunicorn makes files of its own there) # nosec B108
worker_tmp_dir = shm if os.access(shm, os.W_OK) else None
# By default a client whose proxy runs on this host could set SCRIPT_NAME, and so the path.
forwarder_headers = ""
# It would open a socket in $HOME, and a read-only container has none.
control_socket_disable = True
# The service writes a line for each request itself. What gunicorn says comes in the same form.
accesslog = None
logconfig_dict = settings.LOGGING
