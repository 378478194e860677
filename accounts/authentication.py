from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts.models import User
from accounts.sessions import get_session_user_or_raise
from accounts.tokens import Claims, read_access_or_raise
from newsfeed.api.state import state_of
from newsfeed.api.throttles import PipelinedCount

CHALLENGE = 'Bearer realm="api"'


class AuthenticatedRequest(Request):
    """What a view gets behind IsAuthenticated."""

    user: User
    auth: Claims


class JWTAuthentication(BaseAuthentication):
    """Reads `Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        access = read_access_or_raise(token.strip())
        user = get_session_user_or_raise(
            access, PipelinedCount(request, access.user_id, access.family)
        )
        state_of(request).has_old_token = access.has_old_key
        return user, access

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class JWTScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = JWTAuthentication
    name = "jwt"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A 401 with `X-Relogin-Required: true` means that the session was ended:"
            " log in again. `X-Token-Refresh-Needed: true` with any answer: refresh soon.",
        }
