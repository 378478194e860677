from django.urls import path

from feeds.views import ExportView, FeedView, WhyView

urlpatterns = [
    path("users/me/export/", ExportView.as_view(), name="export"),
    path("feed/", FeedView.as_view(), name="feed"),
    path("feeds/<int:user_id>/why/<int:post_id>/", WhyView.as_view(), name="why"),
]
