from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, openapi
from accounts.authentication import CHALLENGE, AuthenticatedRequest
from accounts.export import export
from accounts.known_clients import remember
from accounts.selectors import users_named
from accounts.serializers import (
    CredentialsSerializer,
    LogOutSerializer,
    PasswordSerializer,
    RefreshSerializer,
    SignUpSerializer,
    UserDeletionSerializer,
    UserQuerySerializer,
    UserSummarySerializer,
)
from accounts.services import (
    WrongPassword,
    change_password,
    delete_user,
    end_all_sessions,
    log_in,
    sign_up,
)
from accounts.sessions import log_out, refresh_tokens
from accounts.throttles import LoginThrottle, PasswordThrottle, RefreshThrottle
from accounts.tokens import issue_tokens
from newsfeed.api.addresses import address_of
from newsfeed.api.paging import page_response
from newsfeed.api.throttles import counted_only_if
from newsfeed.mysql.replica import may_read_replica


class OpenView(APIView):
    # No token is read, so a stale one does no harm; a 401 still names the scheme.
    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class SignUpView(OpenView):
    @openapi.sign_up
    def post(self, request: Request) -> Response:
        user = sign_up(**SignUpSerializer.validated(request.data))
        return Response(UserSummarySerializer(user).data, status=201)


class LoginView(OpenView):
    throttle_classes = [LoginThrottle]

    @openapi.log_in
    def post(self, request: Request) -> Response:
        form = CredentialsSerializer.validated(request.data)
        device = form.pop("device", "")
        with counted_only_if(AuthenticationFailed, request):
            request.user = user = log_in(**form)  # for the log
        known = {"device": remember(user, address_of(request), device)}
        tokens = issue_tokens(user, has_otp="otp" in form)
        return Response(tokens | known | {"user": UserSummarySerializer(user).data})


class RefreshView(OpenView):
    throttle_classes = [RefreshThrottle]

    @openapi.refresh_tokens
    def post(self, request: Request) -> Response:
        form = RefreshSerializer.validated(request.data)
        client = request.headers.get("User-Agent", "")
        return Response(refresh_tokens(**form, client=client))


class LogOutView(APIView):
    @openapi.log_out
    def post(self, request: AuthenticatedRequest) -> Response:
        log_out(request.auth, **LogOutSerializer.validated(request.data))
        return Response(status=204)


class LogOutAllView(APIView):
    @openapi.log_out_everywhere
    def post(self, request: AuthenticatedRequest) -> Response:
        end_all_sessions(request.user.pk)
        audit.tell("authn_logout_all", request.user.pk)
        return Response(status=204)


class PasswordView(APIView):
    throttle_classes = [PasswordThrottle]

    @openapi.change_password
    def post(self, request: AuthenticatedRequest) -> Response:
        with counted_only_if(WrongPassword, request):
            form = PasswordSerializer.validated(request.data)
            has_otp = request.auth.has_otp
            tokens = change_password(user=request.user, has_otp=has_otp, **form)
        return Response(tokens)


class DeletionView(APIView):
    """The same for clients that send no body with DELETE: RFC 9110 gives it no meaning."""

    throttle_classes = [PasswordThrottle]

    @openapi.delete_me_by_post
    def post(self, request: AuthenticatedRequest) -> Response:
        return delete_own_account(request)


def delete_own_account(request: AuthenticatedRequest) -> Response:
    with counted_only_if(WrongPassword, request):
        delete_user(user=request.user, **UserDeletionSerializer.validated(request.data))
    return Response(status=204)


class UserListView(APIView):
    @openapi.find_users
    @may_read_replica
    def get(self, request: AuthenticatedRequest) -> Response:
        serializer = UserQuerySerializer(data=request.query_params)
        serializer.is_valid(raise_exception=True)
        users = users_named(**serializer.validated_data)
        return page_response(request, UserSummarySerializer(users, many=True).data, None)


class ExportView(APIView):
    @openapi.export_me
    def get(self, request: AuthenticatedRequest) -> StreamingHttpResponse:
        name = f"newsfeed-{request.user.username}.json"
        return StreamingHttpResponse(
            export(request.user.pk),
            content_type="application/json",
            headers={
                "Content-Disposition": content_disposition_header(True, name),  # noqa: FBT003
                "Cache-Control": "no-store",
            },
        )
