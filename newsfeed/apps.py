from django.apps import AppConfig
from django.contrib.admin import apps as admin


class NewsfeedConfig(AppConfig):
    name = "newsfeed"
    default = True

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from newsfeed import (
            admin_sessions,
            checks,  # noqa: F401 (importing registers them)
        )

        user_logged_in.connect(admin_sessions.begin)


class NewsfeedAdminConfig(admin.AdminConfig):
    """Django's admin with our log-in."""

    default = False
    default_site = "newsfeed.admin_site.NewsfeedAdminSite"
