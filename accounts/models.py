from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models

USERNAME_PATTERN = r"^[a-z0-9_]{3,30}\Z"


class User(AbstractUser):
    """A person who posts and follows."""

    username = models.CharField(
        max_length=30,
        unique=True,
        # The server's usual collations hold 'bob' and 'bób' for equal.
        db_collation="utf8mb4_bin",
        validators=[
            RegexValidator(USERNAME_PATTERN, "3 to 30 characters: a to z, 0 to 9 and underscore.")
        ],
    )
    display_name = models.CharField(max_length=50, blank=True)
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]

    class Meta:
        db_table = "users"

    def get_full_name(self) -> str:
        return self.display_name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()
