from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from feeds.admin import why
from newsfeed import health
from newsfeed.api import docs
from newsfeed.api.errors import get_only

urlpatterns = [
    *(path("api/v1/", include(f"{app}.urls")) for app in settings.APPS),
    path("api/schema/", docs.schema, name="schema"),
    path("api/docs/", docs.page, name="docs"),
    path("ping", get_only(health.ping)),
    path("livez", get_only(health.livez)),
    path("readyz", get_only(health.readyz)),
    path(f"{settings.ADMIN_PATH}why/", why, name="admin-why"),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler400 = "newsfeed.api.errors.bad_request"
handler403 = "newsfeed.api.errors.permission_denied"
handler404 = "newsfeed.api.errors.page_not_found"
handler500 = "newsfeed.api.errors.server_error"
