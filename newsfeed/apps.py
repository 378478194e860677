from django.apps import AppConfig
from django.contrib.admin import apps as admin


class NewsfeedConfig(AppConfig):
    name = "newsfeed"
    default = True

    def ready(self) -> None:
        from newsfeed import checks  # noqa: F401 (importing registers them)


class NewsfeedAdminConfig(admin.AdminConfig):
    """Django's admin with our log-in."""

    default = False
    default_site = "newsfeed.admin_site.NewsfeedAdminSite"
