from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.authentication import AuthenticatedRequest
from accounts.selectors import get_user_or_raise
from accounts.serializers import ProfileUpdateSerializer
from accounts.services import update_profile
from accounts.throttles import PasswordThrottle
from accounts.views import delete_own_account
from discovery import openapi
from discovery.selectors import get_profile
from discovery.serializers import ProfileSerializer
from newsfeed.api.throttles import EndpointThrottle
from newsfeed.mysql.replica import may_read_replica


class MeView(APIView):
    @openapi.get_me
    @may_read_replica
    def get(self, request: AuthenticatedRequest) -> Response:
        profile = get_profile(user=request.user, viewer_id=request.user.pk)
        return Response(ProfileSerializer(profile).data)

    @openapi.update_me
    def patch(self, request: AuthenticatedRequest) -> Response:
        form = ProfileUpdateSerializer.validated(request.data)
        user = update_profile(user=request.user, **form)
        return Response(ProfileSerializer(get_profile(user=user, viewer_id=user.pk)).data)

    @openapi.delete_me
    def delete(self, request: AuthenticatedRequest) -> Response:
        return delete_own_account(request)

    def get_throttles(self) -> list[BaseThrottle]:
        return [PasswordThrottle() if self.request.method == "DELETE" else EndpointThrottle()]


class UserView(APIView):
    @openapi.get_user
    @may_read_replica
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        profile = get_profile(user=get_user_or_raise(user_id), viewer_id=request.user.pk)
        return Response(ProfileSerializer(profile).data)
