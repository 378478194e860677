from django.urls import path

from discovery import views

urlpatterns = [
    path("users/me/", views.MeView.as_view(), name="me"),
    path("users/<int:user_id>/", views.UserView.as_view(), name="user"),
]
