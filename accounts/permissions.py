from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import IsAdminUser
from rest_framework.views import APIView

from accounts.totp import needs_otp


class IsVerifiedStaff(IsAdminUser):
    """Staff, in a session that was begun with a second factor if the account needs one.

    As at the admin. The token's `amr` tells it (RFC 8176), and its successors keep that.
    """

    message: str

    def has_permission(self, request: Any, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        self.message = _("This needs a log-in with a one-time password.")
        return request.auth.has_otp or not needs_otp(request.user)
