from django.urls import path

from posts import views

urlpatterns = [
    path("posts/", views.PostListView.as_view(), name="posts"),
    path("posts/<int:post_id>/", views.PostView.as_view(), name="post"),
    path("users/<int:user_id>/posts/", views.UserPostsView.as_view(), name="user-posts"),
]
