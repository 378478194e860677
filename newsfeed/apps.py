from django.apps import AppConfig
from django.contrib.admin import apps as admin


class NewsfeedConfig(AppConfig):
    name = "newsfeed"
    default = True

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from newsfeed import checks  # noqa: F401 (importing registers them)
        from newsfeed.admin import sessions

        user_logged_in.connect(sessions.begin)


class NewsfeedAdminConfig(admin.AdminConfig):
    """Django's admin with our log-in."""

    default = False
    default_site = "newsfeed.admin.site.NewsfeedAdminSite"
