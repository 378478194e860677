from django.urls import path

from feeds.views import FeedView

urlpatterns = [path("feed/", FeedView.as_view(), name="feed")]
