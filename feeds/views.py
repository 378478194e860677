from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from accounts.permissions import IsVerifiedStaff
from feeds import openapi
from feeds.explanation import explain
from feeds.serializers import ExplanationSerializer
from feeds.services import NEWEST, read_feed
from newsfeed.api.etag import with_etag
from newsfeed.api.paging import page_response, parse_page
from newsfeed.mysql.replica import may_read_replica
from posts.serializers import PostSerializer


class FeedView(APIView):
    @openapi.get_feed
    @may_read_replica
    def get(self, request: AuthenticatedRequest) -> Response:
        page = parse_page(request)
        before = page.before or NEWEST
        posts, next_cursor = read_feed(request.user.pk, before=before, limit=page.limit)
        response = page_response(request, PostSerializer(posts, many=True).data, next_cursor)
        # The page that clients ask for again and again.
        return with_etag(request, response) if page.before is None else response


class WhyView(APIView):
    permission_classes = [IsVerifiedStaff]

    @openapi.explain_feed
    def get(self, request: AuthenticatedRequest, user_id: int, post_id: int) -> Response:
        return Response(ExplanationSerializer(explain(user_id, post_id)).data)
