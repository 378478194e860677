from django.urls import path

from accounts import views

urlpatterns = [
    path("auth/signup/", views.SignUpView.as_view(), name="signup"),
    path("auth/login/", views.LoginView.as_view(), name="login"),
    path("auth/refresh/", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout/", views.LogOutView.as_view(), name="logout"),
    path("auth/logout-all/", views.LogOutAllView.as_view(), name="logout-all"),
    path("auth/password/", views.PasswordView.as_view(), name="password-change"),
    path("users/", views.UserListView.as_view(), name="user-list"),
    path("users/me/export/", views.ExportView.as_view(), name="export"),
    path("users/me/deletion/", views.DeletionView.as_view(), name="deletion"),
]
