from drf_spectacular.utils import extend_schema

from accounts.openapi import ALICE, NO_SUCH_USER, USER_ID, deletion
from accounts.serializers import ProfileUpdateSerializer
from discovery.serializers import ProfileSerializer
from newsfeed.api.schema import answer, body, problems

PROFILE = ALICE | {
    "created_at": "2026-11-21T09:30:00Z",
    "follower_count": 120,
    "following_count": 45,
    "post_count": 7,
    "followed_by_me": False,
}

get_me = extend_schema(
    operation_id="get_me",
    summary="Read one's own profile",
    tags=["users"],
    responses={200: answer("The profile.", ProfileSerializer, PROFILE)},
)
update_me = extend_schema(
    operation_id="update_me",
    summary="Change one's own profile",
    tags=["users"],
    request=body(ProfileUpdateSerializer, {"display_name": "Alice"}),
    responses={200: answer("The profile as it is now.", ProfileSerializer, PROFILE)}
    | problems(
        "/users/me/",
        {400: {"display_name": "Ensure this field has no more than 50 characters."}},
    ),
)
delete_me = deletion("delete_me", "Delete one's own account", "/users/me/")
get_user = extend_schema(
    operation_id="get_user",
    summary="Read a user's profile",
    tags=["users"],
    parameters=[USER_ID],
    responses={200: answer("The profile.", ProfileSerializer, PROFILE)}
    | problems("/users/42/", {404: NO_SUCH_USER}),
)
