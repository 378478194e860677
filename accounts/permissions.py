from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import IsAdminUser
from rest_framework.views import APIView

from accounts.totp import needs_otp


class IsVerifiedStaff(IsAdminUser):
    """Staff, in a session that was begun with a second factor if the account needs one.

    As at the admin. `amr` of the token tells it, which stays through refreshing (RFC 8176).
    """

    message: str

    def has_permission(self, request: Any, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        self.message = _("Log in with a one-time password for this.")
        return request.auth.has_otp or not needs_otp(request.user)
