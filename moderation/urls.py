from django.urls import path

from moderation.views import ReportView

urlpatterns = [path("posts/<int:post_id>/report/", ReportView.as_view(), name="post-report")]
