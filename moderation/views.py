from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from moderation.serializers import ReportReasonSerializer, ReportSerializer
from moderation.services import report_post
from newsfeed.api.schema import problems


class ReportView(APIView):
    @extend_schema(
        request=ReportReasonSerializer,
        responses={201: ReportSerializer} | problems(400, 401, 404, 409),
    )
    def post(self, request: AuthenticatedRequest, post_id: int) -> Response:
        """Tell the moderators that a post should not be here, once."""
        serializer = ReportReasonSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        report = report_post(
            reporter_id=request.user.pk, post_id=post_id, **serializer.validated_data
        )
        return Response(ReportSerializer(report).data, status=201)
