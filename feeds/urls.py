from django.urls import path

from feeds.views import FeedView, WhyView

urlpatterns = [
    path("feed/", FeedView.as_view(), name="feed"),
    path("feeds/<int:user_id>/why/<int:post_id>/", WhyView.as_view(), name="why"),
]
