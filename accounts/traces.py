"""Rows of Django and its apps that tell of a user without a foreign key that erases them."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Q

from accounts.models import KnownAddress, User
from newsfeed.mysql.transactions import transactional


@transactional
def erase_traces(user_id: int) -> None:
    """Of somebody who is deleted: attempts to log in, sessions at the admin, and former names."""
    user = User.objects.get(pk=user_id)
    typed = Q(username__iexact=user.username) | Q(username__iexact=f"@{user.username}")
    for table in (AccessAttempt, AccessFailureLog, AccessLog):
        table.objects.filter(typed).delete()
    KnownAddress.objects.filter(user=user).delete()  # of a log-in at the moment of the deletion
    Session.objects.filter(pk__in=_admin_sessions(user_id)).delete()
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User))
    about.filter(object_id=str(user_id)).update(object_repr="")


def _admin_sessions(user_id: int) -> list[str]:
    """No column tells whose a session is, so all are decoded. Only staff have sessions."""
    sessions = Session.objects.iterator(chunk_size=500)
    return [one.pk for one in sessions if one.get_decoded().get("_auth_user_id") == str(user_id)]
