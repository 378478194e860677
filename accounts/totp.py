"""The second factor of the staff, at the admin and at the API's endpoints for staff."""

from django.conf import settings
from django.db import transaction
from django_otp import match_token, user_has_device
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User


def forget_devices(user: User) -> None:
    TOTPDevice.objects.filter(user=user).delete()


@transaction.atomic
def enroll(user: User) -> str:
    """The new device's otpauth URL, secret and all. The one before is of no use any more."""
    forget_devices(user)
    device = TOTPDevice.objects.create(user=user, name="authenticator")
    return str(device.config_url)


def needs_otp(user: User | None) -> bool:
    """Whether a session without a second factor has no rights of the staff.

    None: somebody whose password was wrong.
    """
    return bool(settings.ADMIN_TOTP_REQUIRED or (user and user_has_device(user)))


def verify_otp(user: User, token: str) -> bool:
    """Whether the user's device shows this token now. Each works once; wrong ones slow it down."""
    return match_token(user, token) is not None
