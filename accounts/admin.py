from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.db.models import Q
from django.http import HttpRequest

from accounts.models import User
from accounts.selectors import ids_named
from accounts.services import end_all_sessions
from newsfeed.admin.fields import LineField
from newsfeed.admin.lists import KeysetAdmin, number

RIGHTS = {"is_staff", "is_superuser", "groups", "user_permissions"}


class SuspendedFilter(admin.SimpleListFilter):
    title = "suspended"
    parameter_name = "suspended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Suspended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(suspended_at__isnull=False) if self.value() == "yes" else queryset


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta(UserChangeForm.Meta):
        field_classes = UserChangeForm.Meta.field_classes | {"display_name": LineField}


@admin.register(User)
class UserAdmin(KeysetAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    form = UserForm
    list_display = ["id", "username", "display_name", "is_active", "is_staff", "date_joined"]
    list_filter = [SuspendedFilter, "is_staff"]
    search_fields = ["id", "username"]
    search_help_text = "An id or an exact name; @123 is a name."
    ordering = ["-id"]
    # Suspending has a reason and is recorded, so it is an action and not a field.
    readonly_fields = ["is_active", "suspended_at", "deleted_at", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Profile", {"fields": ["display_name", "email"]}),
        ("Permissions", {"fields": ["is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("State", {"fields": ["is_active", "suspended_at", "deleted_at"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees what others see, and the state."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        public = ["id", "username", "display_name", "date_joined"]
        return [(None, {"fields": [*public, "is_active", "suspended_at", "deleted_at"]})]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: Any) -> None:
        """Ends all sessions when rights change: a right that comes back must not revive one."""
        super().save_model(request, obj, form, change)
        if RIGHTS & set(form.changed_data):
            end_all_sessions(obj.pk)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A row that is gone takes what others have seen and answered along: suspend instead."""
        return False

    def found_by(self, term: str) -> Q:
        return Q(pk__in=[*number(term), *ids_named(term)])
