from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import passwords
from accounts.usernames import normalise

valid_username = RegexValidator(
    r"^[a-z0-9_]{3,30}\Z", _("3 to 30 characters: a to z, 0 to 9 and underscore.")
)


class User(AbstractUser):
    """A person who posts and follows."""

    username = models.CharField(
        max_length=30,
        unique=True,
        # The server's usual collations hold 'bob' and 'bób' for equal.
        db_collation="utf8mb4_bin",
        validators=[valid_username],
    )
    display_name = models.CharField(max_length=50, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    deleted_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="The row stays, so that nobody else can have the name.",
    )
    erased_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Since when nothing is left that the user wrote, nor any follow.",
    )
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    auth_epoch = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Tokens carry it; those of an earlier one are refused.",
    )

    class Meta:
        db_table = "users"
        indexes = [
            models.Index(fields=["is_staff"], name="users_is_staff"),
            # Whom nobody sees and whose follows are still there: few, however many have left.
            models.Index(fields=["erased_at", "is_active"], name="users_unseen"),
        ]

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """With what follows from it (`accounts.signals`), or not at all."""
        super().save(*args, **kwargs)

    @classmethod
    def normalize_username(cls, username: str) -> str:
        """For Django's forms and commands."""
        return normalise(username)

    def set_password(self, raw_password: str | None) -> None:
        """Raises ServerBusy."""
        self.password = passwords.hash_password(raw_password)
        self._password = raw_password  # Django's validators and our signals look for it

    def check_password(self, raw_password: str | None) -> bool:
        """Also replaces a hash of an older kind. Raises ServerBusy."""
        return passwords.verify_password(raw_password, self.password, self._upgrade_hash)

    def _upgrade_hash(self, new_hash: str) -> None:
        """Unless the password was changed meanwhile: Django itself would bring the old one back."""
        unchanged = type(self)._default_manager.filter(pk=self.pk, password=self.password)
        if unchanged.update(password=new_hash):
            self.password = new_hash

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What ends the tokens ends the sessions at the admin: Django keeps this hash in each."""
        salt, value = "accounts.models.User.auth_epoch", f"{self.auth_epoch} {self.password}"
        return salted_hmac(salt, value, secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.display_name or self.username

    def get_short_name(self) -> str:
        return self.get_full_name()


class SigningKey(models.Model):
    """`accounts.keys` makes of it what tokens are signed with."""

    kid = models.CharField(max_length=32, unique=True)
    seed = models.BinaryField(max_length=32)
    # True or NULL, and a unique index takes any number of NULLs: there is one at most.
    is_primary = models.BooleanField(null=True, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    verifies_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "auth_signing_keys"

    def __str__(self) -> str:
        return self.kid


class RefreshToken(models.Model):
    """One that was issued, and the access token that came with it. Neither can be had from here.

    All that came of one log-in are a family.
    """

    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256, in hex.")
    family = models.CharField(max_length=32, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    access_jti = models.CharField(max_length=32)
    access_expires_at = models.DateTimeField()
    created_at = models.DateTimeField(
        null=True,
        default=None,
        editable=False,
        help_text="Unknown of old rows.",
    )
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    used_by = models.CharField(
        max_length=32,
        default="",
        db_default="",  # an earlier version may still write rows
        editable=False,
        help_text="A keyed hash of the User-Agent.",
    )
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "auth_refresh_tokens"
        indexes = [
            models.Index(fields=["user", "access_expires_at"], name="auth_refresh_user_access")
        ]

    def __str__(self) -> str:
        return f"refresh token {self.pk} of user {self.user_id}"


class KnownAddress(models.Model):
    """That an account has logged in from an address: `accounts.known_clients`."""

    client_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    last_login_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "auth_known_addresses"

    def __str__(self) -> str:
        return f"known address {self.pk} of user {self.user_id}"


class RevokedToken(models.Model):
    """An access token that is refused though it has not expired."""

    jti = models.CharField(max_length=32, unique=True)
    expires_at = models.DateTimeField(db_index=True)
    copied_at = models.DateTimeField(null=True, db_index=True, help_text="Since when Redis knows.")

    class Meta:
        db_table = "auth_revoked_tokens"

    def __str__(self) -> str:
        return self.jti
