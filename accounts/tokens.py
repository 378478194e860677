"""JSON Web Tokens. No other module imports simplejwt, so that replacing it touches one file."""

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.models import User
from accounts.selectors import find_active_user


def issue_tokens(user: User) -> dict[str, str]:
    """{"access", "refresh"}: a token for requests, and one to get the next of those."""
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def refresh_access(refresh: str) -> str:
    """A new access token. Raises AuthenticationFailed, also when the user is gone or inactive."""
    try:
        token = RefreshToken(refresh)  # type: ignore[arg-type]  # its annotation is wrong
    except TokenError as error:
        raise AuthenticationFailed("The refresh token is invalid or expired.") from error
    _active_user_or_raise(token)
    return str(token.access_token)


def get_user_of_access_or_raise(access: bytes) -> User:
    """Raises AuthenticationFailed, also when the user is gone or inactive."""
    try:
        token = AccessToken(access)  # type: ignore[arg-type]
    except TokenError as error:
        raise AuthenticationFailed("The access token is invalid or expired.") from error
    return _active_user_or_raise(token)


def _active_user_or_raise(token: AccessToken | RefreshToken) -> User:
    user = find_active_user(int(token["user_id"]))
    if user is None:
        raise AuthenticationFailed("The user of this token is gone or inactive.")
    return user
