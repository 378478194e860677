"""Whoever changes a user, be it the admin or a command: what Redis and the tokens say follows."""

import logging
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import session_cache
from accounts.models import User
from accounts.selectors import living_jtis
from accounts.services import end_all_sessions
from newsfeed.redis.client import RedisUnavailable

logger = logging.getLogger(__name__)


def connect() -> None:
    post_save.connect(user_saved, sender=User)
    pre_delete.connect(user_deleted, sender=User)
    post_save.connect(device_saved, sender=TOTPDevice)
    post_delete.connect(device_deleted, sender=TOTPDevice)


def user_saved(instance: User, *, created: bool, **_: Any) -> None:
    if created:
        return
    # Django keeps a new password here until it is saved. What is not loaded has not been changed.
    has_new_password = instance._password is not None
    if has_new_password or not instance.__dict__.get("is_active", True):
        end_all_sessions(instance.pk)
        # Django hashes the new epoch for a user who changes their own password at the admin.
        instance.refresh_from_db(fields=["auth_epoch"])
    else:
        transaction.on_commit(lambda: _forget_names(instance.pk), robust=True)


def user_deleted(instance: User, **_: Any) -> None:
    end_all_sessions(instance.pk)


def device_saved(instance: TOTPDevice, *, created: bool, **_: Any) -> None:
    if created:
        end_all_sessions(instance.user_id)


def device_deleted(instance: TOTPDevice, **_: Any) -> None:
    """A session that began with a lost device must not outlive it."""
    end_all_sessions(instance.user_id)


def _forget_names(user_id: int) -> None:
    try:
        session_cache.forget(living_jtis(user_id))
    except RedisUnavailable as error:
        logger.warning("user %d is kept under the old name for a while: %s", user_id, error)
