from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.authentication import CHALLENGE, AuthenticatedRequest
from accounts.selectors import get_profile, get_user_or_raise, users_named
from accounts.serializers import (
    CredentialsSerializer,
    LoginSerializer,
    LogOutSerializer,
    PasswordSerializer,
    ProfileSerializer,
    ProfileUpdateSerializer,
    RefreshSerializer,
    SignUpSerializer,
    TokensSerializer,
    UserDeletionSerializer,
    UserPageSerializer,
    UserQuerySerializer,
    UserSummarySerializer,
)
from accounts.services import (
    change_password,
    delete_user,
    end_all_sessions,
    log_in,
    sign_up,
    update_profile,
)
from accounts.sessions import log_out, refresh_tokens
from accounts.throttles import LoginThrottle, PasswordThrottle
from accounts.tokens import issue_tokens
from newsfeed.api.paging import page_response
from newsfeed.api.schema import problems
from newsfeed.api.throttles import EndpointThrottle


class OpenView(APIView):
    # No token is read, so a stale one does no harm; a 401 still names the scheme.
    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SignUpView(OpenView):
    @extend_schema(
        request=SignUpSerializer, responses={201: UserSummarySerializer} | problems(400, 409)
    )
    def post(self, request: Request) -> Response:
        serializer = SignUpSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = sign_up(**serializer.validated_data)
        return Response(UserSummarySerializer(user).data, status=201)


class LoginView(OpenView):
    throttle_classes = [LoginThrottle]

    @extend_schema(
        request=CredentialsSerializer, responses={200: LoginSerializer} | problems(400, 401)
    )
    def post(self, request: Request) -> Response:
        serializer = CredentialsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = log_in(**serializer.validated_data)
        return Response(issue_tokens(user) | {"user": UserSummarySerializer(user).data})


class RefreshView(OpenView):
    @extend_schema(
        request=RefreshSerializer, responses={200: TokensSerializer} | problems(400, 401)
    )
    def post(self, request: Request) -> Response:
        serializer = RefreshSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(refresh_tokens(**serializer.validated_data))


class LogOutView(APIView):
    @extend_schema(request=LogOutSerializer, responses={204: None} | problems(400, 401))
    def post(self, request: AuthenticatedRequest) -> Response:
        serializer = LogOutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        log_out(request.auth, **serializer.validated_data)
        return Response(status=204)


class LogOutAllView(APIView):
    @extend_schema(request=None, responses={204: None} | problems(401))
    def post(self, request: AuthenticatedRequest) -> Response:
        end_all_sessions(request.user.pk)
        return Response(status=204)


class PasswordView(APIView):
    @extend_schema(
        request=PasswordSerializer, responses={200: TokensSerializer} | problems(400, 401, 409)
    )
    def post(self, request: AuthenticatedRequest) -> Response:
        serializer = PasswordSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response(change_password(user=request.user, **serializer.validated_data))


class MeView(APIView):
    @extend_schema(operation_id="me_retrieve", responses={200: ProfileSerializer} | problems(401))
    def get(self, request: AuthenticatedRequest) -> Response:
        profile = get_profile(user=request.user, viewer_id=request.user.pk)
        return Response(ProfileSerializer(profile).data)

    @extend_schema(
        operation_id="me_update",
        request=ProfileUpdateSerializer,
        responses={200: ProfileSerializer} | problems(400, 401),
    )
    def patch(self, request: AuthenticatedRequest) -> Response:
        serializer = ProfileUpdateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = update_profile(user=request.user, **serializer.validated_data)
        return Response(ProfileSerializer(get_profile(user=user, viewer_id=user.pk)).data)

    @extend_schema(
        operation_id="me_destroy",
        request=UserDeletionSerializer,
        responses={204: None} | problems(400, 401, 409),
    )
    def delete(self, request: AuthenticatedRequest) -> Response:
        """Delete your account for good. Your name stays reserved."""
        serializer = UserDeletionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        delete_user(user=request.user, **serializer.validated_data)
        return Response(status=204)

    def get_throttles(self) -> list[BaseThrottle]:
        return [PasswordThrottle() if self.request.method == "DELETE" else EndpointThrottle()]


class UserListView(APIView):
    @extend_schema(
        operation_id="users_list",
        parameters=[UserQuerySerializer],
        responses={200: UserPageSerializer} | problems(400, 401),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        serializer = UserQuerySerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        users = users_named(**serializer.validated_data)
        return page_response(request, UserSummarySerializer(users, many=True).data, None)


class UserView(APIView):
    @extend_schema(responses={200: ProfileSerializer} | problems(401, 404))
    def get(self, request: AuthenticatedRequest, user_id: int) -> Response:
        profile = get_profile(user=get_user_or_raise(user_id), viewer_id=request.user.pk)
        return Response(ProfileSerializer(profile).data)
