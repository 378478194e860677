from drf_spectacular.utils import OpenApiParameter, extend_schema

from accounts.openapi import ALICE, BLANK, NO_SUCH_USER, USER_ID
from newsfeed.api.idempotency import BAD_KEY, IDEMPOTENCY_PARAMETERS, KEY_REUSED
from newsfeed.api.paging import BAD_PAGE, PAGE_PARAMETERS, next_page
from newsfeed.api.schema import answer, body, id_parameter, problems
from posts.serializers import PostContentSerializer, PostPageSerializer, PostSerializer

POST_ID = id_parameter("post_id", "Of a post.")
NO_SUCH_POST = "There is no such post."
NOT_YOURS = "This is another user's post."
POST = {
    "id": 42,
    "content": "안녕하세요, hello!",
    "created_at": "2026-11-21T09:30:00Z",
    "edited_at": None,
    "author": ALICE,
}

create_post = extend_schema(
    operation_id="create_post",
    summary="Post something",
    description=(
        "The post is in the followers' feeds within a second or so. With an `Idempotency-Key`, "
        "a request whose answer got lost can be sent again, and still there is one post."
    ),
    tags=["posts"],
    request=body(PostContentSerializer, {"content": POST["content"]}),
    parameters=[
        *IDEMPOTENCY_PARAMETERS,
        OpenApiParameter(
            "Location",
            {"type": "string", "format": "uri"},
            OpenApiParameter.HEADER,
            required=True,
            response=[201],
            description="Of the post.",
        ),
    ],
    responses={201: answer("The new post.", PostSerializer, POST)}
    | problems(
        "/posts/",
        {
            400: [
                {"content": BLANK},
                BAD_KEY,
            ],
            409: "A request with this Idempotency-Key is still running. Try again.",
            422: KEY_REUSED,
        },
    ),
)
get_post = extend_schema(
    operation_id="get_post",
    summary="Read a post",
    tags=["posts"],
    parameters=[POST_ID],
    responses={200: answer("The post.", PostSerializer, POST)}
    | problems("/posts/42/", {404: NO_SUCH_POST}),
)
edit_post = extend_schema(
    operation_id="edit_post",
    summary="Change one's own post",
    tags=["posts"],
    parameters=[POST_ID],
    request=body(PostContentSerializer, {"content": POST["content"]}),
    responses={
        200: answer(
            "The post as it is now.",
            PostSerializer,
            POST | {"edited_at": "2026-11-21T09:31:00Z"},
        )
    }
    | problems("/posts/42/", {400: {"content": BLANK}, 403: NOT_YOURS, 404: NO_SUCH_POST}),
)
delete_post = extend_schema(
    operation_id="delete_post",
    summary="Delete one's own post",
    description="Nobody sees it any more, at once.",
    tags=["posts"],
    parameters=[POST_ID],
    responses={204: answer("Deleted.")}
    | problems("/posts/42/", {403: NOT_YOURS, 404: NO_SUCH_POST}),
)
list_user_posts = extend_schema(
    operation_id="list_user_posts",
    summary="List a user's posts",
    description="The newest comes first.",
    tags=["posts"],
    parameters=[USER_ID, *PAGE_PARAMETERS],
    responses={200: answer("A page.", PostPageSerializer, next_page("/users/42/posts/", [POST]))}
    | problems("/users/42/posts/", {400: BAD_PAGE, 404: NO_SUCH_USER}),
)
