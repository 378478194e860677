from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from moderation import openapi
from moderation.serializers import ReportReasonSerializer, ReportSerializer
from moderation.services import report_post
from newsfeed.api.idempotency import idempotent


class ReportView(APIView):
    @openapi.report_post
    @idempotent()
    def post(self, request: AuthenticatedRequest, post_id: int) -> Response:
        form = ReportReasonSerializer.validated(request.data)
        report = report_post(reporter_id=request.user.pk, post_id=post_id, **form)
        return Response(ReportSerializer(report).data, status=201)
