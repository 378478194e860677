from django.urls import path

from follows import views

urlpatterns = [
    path("users/<int:user_id>/follow/", views.FollowView.as_view(), name="follow"),
    path("users/<int:user_id>/followers/", views.FollowersView.as_view(), name="followers"),
    path("users/<int:user_id>/following/", views.FollowingView.as_view(), name="following"),
]
