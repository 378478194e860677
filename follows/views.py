from drf_spectacular.utils import extend_schema
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from accounts.serializers import UserPageSerializer, UserSummarySerializer
from follows.selectors import followees_of_user, followers_of_user
from follows.serializers import FollowSerializer
from follows.services import follow, unfollow
from newsfeed.api.paging import PAGE_PARAMETERS, page_response, parse_page
from newsfeed.api.schema import problems


class FollowView(APIView):
    @extend_schema(request=None, responses={201: FollowSerializer} | problems(400, 401, 404, 409))
    def post(self, request: AuthenticatedRequest, user_id: int) -> Response:
        edge = follow(follower_id=request.user.pk, followee_id=user_id)
        return Response(FollowSerializer(edge).data, status=201)

    @extend_schema(responses={204: None} | problems(401, 404))
    def delete(self, request: AuthenticatedRequest, user_id: int) -> Response:
        unfollow(follower_id=request.user.pk, followee_id=user_id)
        return Response(status=204)


class FollowersView(APIView):
    @extend_schema(
        operation_id="users_followers_list",
        parameters=PAGE_PARAMETERS,
        responses={200: UserPageSerializer} | problems(400, 401, 404),
    )
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        users, next_cursor = followers_of_user(user_id, parse_page(request))
        return page_response(request, UserSummarySerializer(users, many=True).data, next_cursor)


class FollowingView(APIView):
    @extend_schema(
        operation_id="users_following_list",
        parameters=PAGE_PARAMETERS,
        responses={200: UserPageSerializer} | problems(400, 401, 404),
    )
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        users, next_cursor = followees_of_user(user_id, parse_page(request))
        return page_response(request, UserSummarySerializer(users, many=True).data, next_cursor)
