"""Clients that an account has logged in from: strangers who use up its limit do not keep them out.

A client is known by its address, or by a device token: a log-in answers it, and the client sends it
with the next one. After OWASP's "Slow Down Online Guessing Attacks with Device Cookies".
"""

import secrets
from datetime import timedelta

from django.core import signing
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import KnownAddress, User
from newsfeed.mysql.keyset import delete_some
from newsfeed.mysql.transactions import transactional

ADDRESSES = 10
"""Kept for each account: the newest."""
ADDRESS_AGE = timedelta(days=30)
DEVICE_AGE = timedelta(days=365)
_devices = signing.TimestampSigner(salt="accounts.device")


def is_known_address(username: str, address: str) -> bool:
    """Whether a user of this name has logged in from there in the last 30 days."""
    known = KnownAddress.objects.filter(client_hash=_hash(username, address))
    return known.filter(expires_at__gt=timezone.now()).exists()


def device_of(token: str, username: str) -> str:
    """The id in a device token; "" if we have not issued it for this name in the last year."""
    try:
        name, device = _devices.unsign_object(token, max_age=DEVICE_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if name == username else ""


def remember(user: User, address: str, device: str = "") -> str:
    """After a log-in from this address. Returns the device token to send with the next one.

    A device keeps its id: the owner and a thief of the token share one limit.
    """
    _remember_address(user, address)
    id_ = device_of(device, user.username) or secrets.token_hex(8)
    return _devices.sign_object([user.username, id_])


@transactional
def _remember_address(user: User, address: str) -> None:
    now = timezone.now()
    row = KnownAddress(
        client_hash=_hash(user.username, address),
        user=user,
        last_login_at=now,
        expires_at=now + ADDRESS_AGE,
    )
    KnownAddress.objects.bulk_create(
        [row], update_conflicts=True, update_fields=["last_login_at", "expires_at"]
    )
    own = KnownAddress.objects.filter(user=user).order_by("-last_login_at")
    delete_some(own[ADDRESSES:], ADDRESSES)


def _hash(username: str, address: str) -> str:
    """Keyed, so that the table alone does not reveal addresses to somebody who tries them all."""
    return salted_hmac("accounts.address", f"{username} {address}", algorithm="sha256").hexdigest()
