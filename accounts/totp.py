"""The second factor of the admin's log-in."""

from django.db import transaction
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
