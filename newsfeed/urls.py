from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_GET
from django_prometheus.exports import ExportToDjangoView  # type: ignore[import-untyped]

from newsfeed import health

urlpatterns = [
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("posts.urls")),
    path("api/v1/", include("follows.urls")),
    path("api/v1/", include("feeds.urls")),
    path("ping", health.ping),
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("metrics", require_GET(ExportToDjangoView)),
    path("admin/", admin.site.urls),
]

handler400 = "newsfeed.api.errors.bad_request"
handler403 = "newsfeed.api.errors.permission_denied"
handler404 = "newsfeed.api.errors.page_not_found"
handler500 = "newsfeed.api.errors.server_error"
