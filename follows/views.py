from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from accounts.serializers import UserSummarySerializer
from follows import openapi
from follows.selectors import followees_of_user, followers_of_user
from follows.serializers import FollowSerializer
from follows.services import follow, unfollow
from newsfeed.api.paging import page_response, parse_page
from newsfeed.mysql.replica import may_read_replica


class FollowView(APIView):
    @openapi.follow_user
    def post(self, request: AuthenticatedRequest, user_id: int) -> Response:
        edge = follow(follower_id=request.user.pk, followee_id=user_id)
        return Response(FollowSerializer(edge).data, status=201)

    @openapi.unfollow_user
    def delete(self, request: AuthenticatedRequest, user_id: int) -> Response:
        unfollow(follower_id=request.user.pk, followee_id=user_id)
        return Response(status=204)


class FollowersView(APIView):
    @openapi.list_followers
    @may_read_replica
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        users, next_cursor = followers_of_user(user_id, parse_page(request))
        return page_response(request, UserSummarySerializer(users, many=True).data, next_cursor)


class FollowingView(APIView):
    @openapi.list_following
    @may_read_replica
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        users, next_cursor = followees_of_user(user_id, parse_page(request))
        return page_response(request, UserSummarySerializer(users, many=True).data, next_cursor)
