from drf_spectacular.utils import OpenApiResponse, extend_schema

from accounts.openapi import USER_ID
from feeds.serializers import ExplanationSerializer
from newsfeed.api.etag import ETAG_PARAMETERS
from newsfeed.api.paging import BAD_PAGE, PAGE_PARAMETERS, next_page
from newsfeed.api.schema import answer, problems
from posts.openapi import NO_SUCH_POST, POST, POST_ID
from posts.serializers import PostPageSerializer

EXPLANATION = {
    "verdict": "Shown: the ready feed holds it.",
    "user_id": 42,
    "post_id": 42,
    "author_id": 7,
    "deleted_at": None,
    "hidden_at": None,
    "followed_since": "2026-11-20T18:00:00Z",
    "feed_state": "ready",
    "floor": 0,
    "in_redis": True,
    "waiting": None,
    "dead_letters": [],
}

get_feed = extend_schema(
    operation_id="get_feed",
    summary="Read the feed",
    description=(
        "The posts of everybody you follow, the newest first. Whoever asks for the first page "
        "again and again sends its `ETag` back, and gets an empty 304 while nothing has changed."
    ),
    tags=["feed"],
    parameters=[*PAGE_PARAMETERS, *ETAG_PARAMETERS],
    responses={
        200: answer("A page.", PostPageSerializer, next_page("/feed/", [POST])),
        304: OpenApiResponse(description="The page is as it was."),
    }
    | problems("/feed/", {400: BAD_PAGE}),
)
explain_feed = extend_schema(
    operation_id="explain_feed",
    summary="Tell why a post is, or is not, in a user's feed",
    description="For staff only, in a session that began with their second factor.",
    tags=["feed"],
    parameters=[USER_ID, POST_ID],
    responses={200: answer("What is known.", ExplanationSerializer, EXPLANATION)}
    | problems(
        "/feeds/42/why/42/",
        {403: "You do not have permission to perform this action.", 404: NO_SUCH_POST},
    ),
)
