"""The admin's log-in: a password, a token for those who have a device, and the API's limits.

Guesses here and at auth/login/ share the limits.
"""

from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django_otp.forms import OTPAuthenticationFormMixin
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import audit
from accounts.known_clients import DEVICE_AGE, remember
from accounts.login_limits import reserve, reserve_for_address
from accounts.totp import needs_otp
from newsfeed.admin import sessions
from newsfeed.admin.guard import GuardedAdmin
from newsfeed.api import limits
from newsfeed.api.addresses import address_of
from newsfeed.api.limits import Outcome

DEVICE = "device"
"""The cookie that a browser is known by."""


class LoginForm(OTPAuthenticationFormMixin, AdminAuthenticationForm):  # type: ignore[misc]
    error_messages = AdminAuthenticationForm.error_messages | {
        "invalid_login": _("The name, the password or the token is wrong.")
    }
    otp_token = forms.CharField(
        label="Token",
        required=False,
        help_text="Six digits, if you have enrolled a device.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def clean_username(self) -> str:
        return get_user_model().normalize_username(self.cleaned_data["username"])

    def clean(self) -> dict[str, Any]:
        """All failures get one answer: nobody learns that the password was right."""
        try:
            self.cleaned_data = super().clean()
            user = self.get_user()
            if needs_otp(user):
                self.clean_otp(user)
        except ValidationError as error:
            raise self.get_invalid_login_error() from error
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

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Only failures count. A browser that has logged in is known by a cookie or its address."""
        if request.method != "POST":
            return super().login(request, extra_context)
        places = _reserve(request)
        if not places[-1].admitted:
            audit.tell_of_refused_name("authn_login_fail_max", _username(request), via="admin")
            return self._locked_out(request, places[-1])
        is_failure = False
        try:
            response = super().login(request, extra_context)
            is_failure = response.status_code == HTTPStatus.OK  # the form again
        finally:
            if not is_failure:
                limits.give_back(places)
        if is_failure:
            audit.tell_of_name("authn_login_fail", _username(request), via="admin")
        else:
            audit.tell("authn_login_success", request.user.pk, via="admin")
            _remember(request, response)
        return response

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Wrong passwords are counted by session, as at auth/password/."""
        if request.method != "POST":
            return super().password_change(request, extra_context)
        place = limits.admit(_session_key(request), limits.limit_of("password"))
        if not place.admitted:
            return self._locked_out(request, place)
        is_wrong = False
        try:
            response = super().password_change(request, extra_context)
            has_changed = response.status_code == HTTPStatus.FOUND
            form: Any = None if has_changed else (response.context_data or {})["form"]
            is_wrong = form is not None and "old_password" in form.errors
        finally:
            if not is_wrong:
                limits.give_back([place])
        if is_wrong:
            audit.tell("authn_password_change_fail", request.user.pk, via="admin")
        elif has_changed:
            audit.tell("authn_password_change", request.user.pk, via="admin")
        return response

    def _locked_out(self, request: HttpRequest, refusal: Outcome) -> TemplateResponse:
        context = {**self.each_context(request), "seconds": refusal.seconds}
        page = TemplateResponse(request, "admin/locked_out.html", context, status=429)
        page.headers["Retry-After"] = str(refusal.seconds)
        return page

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Guards the pages of Django and of libraries as well as ours."""
        base = admin_class or ModelAdmin
        guarded = type(base.__name__, (GuardedAdmin, base), {"__module__": base.__module__})
        super().register(model_or_iterable, guarded, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """A session without a second factor is not enough once one is needed."""
        user: Any = request.user  # with what OTPMiddleware adds
        return (
            super().has_permission(request)
            and (user.is_verified() or not needs_otp(user))
            and sessions.extend(request.session)
        )


def _session_key(request: HttpRequest) -> str:
    """Hashed: who can read the limits must not be able to use the session."""
    digest = sha256((request.session.session_key or "").encode()).hexdigest()
    return limits.key(digest[:32], "password")


def _username(request: HttpRequest) -> str:
    return get_user_model().normalize_username(request.POST.get("username", ""))


def _reserve(request: HttpRequest) -> list[Outcome]:
    username = _username(request)
    if not username or not request.POST.get("password"):
        return reserve_for_address(address_of(request))
    return reserve(username, address_of(request), request.COOKIES.get(DEVICE, ""))


def _remember(request: HttpRequest, response: HttpResponse) -> None:
    user: Any = request.user
    device = remember(user, address_of(request), request.COOKIES.get(DEVICE, ""))
    response.set_cookie(
        DEVICE,
        device,
        max_age=DEVICE_AGE,
        path=f"/{settings.ADMIN_PATH}",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
