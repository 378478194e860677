from io import StringIO
from typing import Any

import segno
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.totp import enroll
from accounts.usernames import normalise


class Command(BaseCommand):
    help = (
        "Enrols an authenticator app for a user's log-in to the admin, and shows the QR code to"
        " scan: once, as it holds the secret. A device from before is of no use any more. Exits 1"
        " when there is no such user, or one who may not log in to the admin."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **_: Any) -> None:
        user = User.objects.filter(username=normalise(username), is_staff=True).first()
        if user is None:
            raise CommandError(f"Nobody on the staff is called {username!r}.")
        url = enroll(user)
        code = StringIO()
        segno.make(url).terminal(out=code, compact=True)
        self.stdout.write(f"{code.getvalue()}\n{url}\n")
