from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from feeds.explanation import explain
from feeds.export import export
from feeds.serializers import ExplanationSerializer, ExportSerializer
from feeds.services import NEWEST, read_feed
from newsfeed.api.etag import ETAG_PARAMETERS, with_etag
from newsfeed.api.paging import PAGE_PARAMETERS, page_response, parse_page
from newsfeed.api.schema import problems
from posts.serializers import PostPageSerializer, PostSerializer


class FeedView(APIView):
    @extend_schema(
        parameters=[*PAGE_PARAMETERS, *ETAG_PARAMETERS],
        responses={200: PostPageSerializer, 304: None} | problems(400, 401),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """The newest posts of everybody you follow."""
        page = parse_page(request)
        before = page.before or NEWEST
        posts, next_cursor = read_feed(request.user.pk, before=before, limit=page.limit)
        response = page_response(request, PostSerializer(posts, many=True).data, next_cursor)
        # The page that clients ask for again and again.
        return with_etag(request, response) if page.before is None else response


class WhyView(APIView):
    permission_classes = [IsAdminUser]

    @extend_schema(responses={200: ExplanationSerializer} | problems(401, 403, 404))
    def get(self, request: AuthenticatedRequest, user_id: int, post_id: int) -> Response:
        """Why a post is, or is not, in a user's feed. For staff only."""
        return Response(ExplanationSerializer(explain(user_id, post_id)).data)


class ExportView(APIView):
    @extend_schema(responses={200: ExportSerializer} | problems(401))
    def get(self, request: AuthenticatedRequest) -> StreamingHttpResponse:
        """All that is kept of you, to take along: a file that is sent while it is read."""
        name = f"newsfeed-{request.user.username}.json"
        return StreamingHttpResponse(
            export(request.user.pk),
            content_type="application/json",
            headers={
                "Content-Disposition": content_disposition_header(True, name),  # noqa: FBT003
                "Cache-Control": "no-store",
            },
        )
