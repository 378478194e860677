import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsfeed.settings")

application = get_wsgi_application()
# manage.py checks by itself; gunicorn must not serve with a secret that everybody can read either.
call_command("check")
