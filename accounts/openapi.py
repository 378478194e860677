from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from accounts import data_registry
from accounts.serializers import (
    CredentialsSerializer,
    ExportedProfileSerializer,
    LoginSerializer,
    LogOutSerializer,
    PasswordSerializer,
    RefreshSerializer,
    SignUpSerializer,
    TokensSerializer,
    UserDeletionSerializer,
    UserPageSerializer,
    UserSummarySerializer,
)
from newsfeed.api.fields import VISIBLE_LINE
from newsfeed.api.schema import answer, body, id_parameter, problems

USER_ID = id_parameter("user_id", "Of a user.")
NO_SUCH_USER = "There is no such user."
ALICE = {"id": 42, "username": "alice", "display_name": "Alice"}
PASSWORD = "correct horse battery staple"  # noqa: S105 (an example) # nosec B105
ANOTHER = "another horse, another battery"
TOKENS = {"access": "eyJhbGciOiJIUzI1NiIs…", "refresh": "eyJhbGciOiJIUzI1NiIs…"}
DEVICE = "WyJhbGljZSIsIjdmM2Ei…"
BLANK = "This field may not be blank."
REQUIRED = "This field is required."
COMMON = "This password is too common."
NUMERIC = "This password is entirely numeric."
WRONG = "This is not your password."

sign_up = extend_schema(
    operation_id="sign_up",
    summary="Sign up",
    description=(
        "A name is taken for good. It is kept in lower case, without a leading @ and white space "
        "around it. Names that pass for the staff's are reserved. The password must have 8 "
        "characters at least, not only digits, and must be neither a common one nor made of the "
        "user's or the service's names. Then log in."
    ),
    tags=["auth"],
    request=body(
        SignUpSerializer, {"username": "alice", "password": PASSWORD, "display_name": "Alice"}
    ),
    responses={201: answer("The new user.", UserSummarySerializer, ALICE)}
    | problems(
        "/auth/signup/",
        {
            400: [
                {"username": "3 to 30 characters: a to z, 0 to 9 and underscore."},
                {"password": COMMON},
            ],
            409: "This username is taken.",
        },
    ),
)
log_in = extend_schema(
    operation_id="log_in",
    summary="Log in",
    description=(
        "Begins a session. The access token goes into the `Authorization` header of other "
        "requests, for half an hour; the refresh token is for `auth/refresh/`, for 30 days. Keep "
        "`device`, also after a log-out, and send it with the next log-in: then strangers who "
        "guess at the name cannot keep this client out. Staff with a second factor send its token "
        "as `otp`; a session that begins without it has no rights of the staff."
    ),
    tags=["auth"],
    request=body(
        CredentialsSerializer, {"username": "alice", "password": PASSWORD, "device": DEVICE}
    ),
    responses={
        200: answer("Logged in.", LoginSerializer, TOKENS | {"device": DEVICE, "user": ALICE})
    }
    | problems(
        "/auth/login/",
        {
            400: {"password": REQUIRED},
            401: "The username or the password is wrong.",
        },
    ),
)
refresh_tokens = extend_schema(
    operation_id="refresh_tokens",
    summary="Exchange a refresh token for new tokens",
    description=(
        "Each refresh token can be used once. A client that has lost the answer may ask again "
        "within 10 seconds, with the same `User-Agent`, and gets the same tokens. Any other token "
        "that comes again counts as stolen, and its session ends."
    ),
    tags=["auth"],
    request=body(RefreshSerializer, {"refresh": TOKENS["refresh"]}),
    responses={200: answer("The new tokens of the session.", TokensSerializer, TOKENS)}
    | problems(
        "/auth/refresh/",
        {
            400: {"refresh": "This field is required."},
            401: ["The token is invalid or has expired.", "This session has ended. Log in again."],
        },
    ),
)
log_out = extend_schema(
    operation_id="log_out",
    summary="Log out",
    description=(
        "Ends the session of the access token and, if it is another one, that of the refresh token."
    ),
    tags=["auth"],
    request=body(LogOutSerializer, {"refresh": TOKENS["refresh"]}),
    responses={204: answer("Logged out.")}
    | problems("/auth/logout/", {400: {"refresh": "Not a valid string."}}),
)
log_out_everywhere = extend_schema(
    operation_id="log_out_everywhere",
    summary="Log out everywhere",
    description="Ends all sessions of the user, this one too.",
    tags=["auth"],
    request=None,
    responses={204: answer("No token of before is of any use.")},
)
change_password = extend_schema(
    operation_id="change_password",
    summary="Change the password",
    description="Ends all sessions of the user, and begins a new one.",
    tags=["auth"],
    request=body(
        PasswordSerializer,
        {"current_password": PASSWORD, "new_password": ANOTHER},
    ),
    responses={200: answer("The tokens of the new session.", TokensSerializer, TOKENS)}
    | problems(
        "/auth/password/",
        {
            400: [
                {"current_password": WRONG},
                {"new_password": NUMERIC},
            ],
            409: "The password was changed by another request.",
        },
    ),
)


def deletion(operation_id: str, summary: str, path: str) -> Callable[..., Any]:
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=(
            "For good, and at once for every reader; what was written is erased soon after. "
            "The name stays reserved. Clients that cannot send a body with DELETE use "
            "`POST users/me/deletion/`."
        ),
        tags=["users"],
        request=body(UserDeletionSerializer, {"password": PASSWORD}),
        responses={204: answer("Deleted; all sessions have ended.")}
        | problems(
            path,
            {
                400: {"password": WRONG},
                409: "The account was changed by another request.",
            },
        ),
    )


delete_me_by_post = deletion(
    "delete_me_by_post", "Delete one's own account, by POST", "/users/me/deletion/"
)
find_users = extend_schema(
    operation_id="find_users",
    summary="Find a user by name",
    description=(
        "The name must be exact; capital letters and a leading @ make no difference. "
        "There is no list of all users."
    ),
    tags=["users"],
    parameters=[
        OpenApiParameter(
            "username",
            {"type": "string", "minLength": 1, "pattern": VISIBLE_LINE},
            required=True,
            description="The exact name.",
        ),
    ],
    responses={
        200: answer("The user, or nobody.", UserPageSerializer, {"results": [ALICE], "next": None})
    }
    | problems("/users/", {400: {"username": BLANK}}),
)

_FIELDS = {"profile": ExportedProfileSerializer()} | {
    section.name: section.serializer(many=True) for section in data_registry.sections
}
_EXPORT = type("ExportSerializer", (serializers.Serializer,), _FIELDS)
_EXAMPLE: dict[str, Any] = {"profile": ALICE | {"email": "", "created_at": "2026-11-21T09:30:00Z"}}
_EXAMPLE |= {section.name: [section.example] for section in data_registry.sections}
export_me = extend_schema(
    operation_id="export_me",
    summary="Take one's own data along",
    description=(
        "All that is kept of you, as a file that is sent while it is read. "
        "One that is cut off is no JSON."
    ),
    tags=["users"],
    responses={200: answer("The file.", _EXPORT, _EXAMPLE)}
    | problems(
        "/users/me/export/",
        {409: "Your last export is still being sent. Read it, or try again later."},
    ),
)
