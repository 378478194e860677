"""The admin's log-in: a password, a token for those who have a device, and a lock-out.

Who fails five times is locked out by django-axes, for a quarter of an hour and from that address.
Its rows are in MySQL, so all workers count together. The API's log-in is not its business.
"""

from typing import Any

from django import forms
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.throttling import BaseThrottle

from accounts.totp import needs_otp
from newsfeed import admin_sessions
from newsfeed.admin_guard import GuardedAdmin


class LoginForm(OTPAuthenticationFormMixin, AdminAuthenticationForm):  # type: ignore[misc]
    otp_token = forms.CharField(
        label="Token",
        required=False,
        help_text="Six digits, if you have enrolled a device.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_username(self) -> str:
        return get_user_model().normalize_username(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        self.cleaned_data = super().clean()
        user = self.get_user()
        if needs_otp(user):
            self.clean_otp(user)
        return self.cleaned_data

    def _chosen_device(self, user: Any) -> TOTPDevice | None:
        """Everybody has one: `enroll_totp` removes the one before."""
        device: TOTPDevice | None = TOTPDevice.objects.filter(user=user, confirmed=True).first()
        return device

    def _update_form(self, user: Any) -> None:
        """Not as django-otp does: it would send the password back in the page."""


class NewsfeedAdminSite(AdminSite):
    site_header = site_title = "newsfeed"
    site_url = None  # there is no page at /
    login_form = LoginForm
    login_template = "admin/login_with_token.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Django's pages and those of libraries are guarded as ours are."""
        base = admin_class or ModelAdmin
        guarded = type(base.__name__, (GuardedAdmin, base), {"__module__": base.__module__})
        super().register(model_or_iterable, guarded, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """A session of before ADMIN_TOTP_REQUIRED was set is no longer enough."""
        user: Any = request.user  # with what OTPMiddleware adds
        return (
            super().has_permission(request)
            and (user.is_verified() or not needs_otp(user))
            and admin_sessions.prolong(request.session)
        )


def client_address(request: HttpRequest) -> str:
    """Whom to lock out: X-Forwarded-For is believed for NUM_PROXIES proxies, as by the API."""
    return str(BaseThrottle().get_ident(request))  # type: ignore[arg-type]  # reads META only
