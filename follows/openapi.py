from drf_spectacular.utils import extend_schema

from accounts.openapi import ALICE, NO_SUCH_USER, USER_ID
from accounts.serializers import UserPageSerializer
from follows.serializers import FollowSerializer
from newsfeed.api.paging import BAD_PAGE, PAGE_PARAMETERS, next_page
from newsfeed.api.schema import answer, problems

FOLLOW = {"follower_id": 7, "followee_id": 42, "created_at": "2026-11-21T09:30:00Z"}

follow_user = extend_schema(
    operation_id="follow_user",
    summary="Follow a user",
    description="Also the posts that are there already come into the feed.",
    tags=["follows"],
    parameters=[USER_ID],
    request=None,
    responses={201: answer("Followed.", FollowSerializer, FOLLOW)}
    | problems(
        "/users/42/follow/",
        {
            400: [
                {"followee_id": "You cannot follow yourself."},
                {"followee_id": "You cannot follow more than 5000 users."},
            ],
            404: NO_SUCH_USER,
            409: "You follow this user already.",
        },
    ),
)
unfollow_user = extend_schema(
    operation_id="unfollow_user",
    summary="Unfollow a user",
    description="The user's posts leave the feed at once.",
    tags=["follows"],
    parameters=[USER_ID],
    responses={204: answer("Not followed any more.")}
    | problems("/users/42/follow/", {404: "You do not follow this user."}),
)
list_followers = extend_schema(
    operation_id="list_followers",
    summary="List who follows a user",
    description="Who followed last comes first.",
    tags=["follows"],
    parameters=[USER_ID, *PAGE_PARAMETERS],
    responses={
        200: answer("A page.", UserPageSerializer, next_page("/users/42/followers/", [ALICE]))
    }
    | problems("/users/42/followers/", {400: BAD_PAGE, 404: NO_SUCH_USER}),
)
list_following = extend_schema(
    operation_id="list_following",
    summary="List whom a user follows",
    description="Who was followed last comes first.",
    tags=["follows"],
    parameters=[USER_ID, *PAGE_PARAMETERS],
    responses={
        200: answer("A page.", UserPageSerializer, next_page("/users/42/following/", [ALICE]))
    }
    | problems("/users/42/following/", {400: BAD_PAGE, 404: NO_SUCH_USER}),
)
