from drf_spectacular.utils import extend_schema

from accounts.openapi import BLANK
from moderation.serializers import ReportReasonSerializer, ReportSerializer
from newsfeed.api.idempotency import BAD_KEY, IDEMPOTENCY_PARAMETERS, KEY_REUSED
from newsfeed.api.schema import answer, body, problems
from posts.openapi import NO_SUCH_POST, POST_ID

REASON = "This is an advertisement."

report_post = extend_schema(
    operation_id="report_post",
    summary="Report a post",
    description="Tell the moderators that another user's post should not be here, once.",
    tags=["posts"],
    parameters=[POST_ID, *IDEMPOTENCY_PARAMETERS],
    request=body(ReportReasonSerializer, {"reason": REASON}),
    responses={
        201: answer(
            "Reported.",
            ReportSerializer,
            {"post_id": 42, "reason": REASON, "created_at": "2026-11-21T09:30:00Z"},
        )
    }
    | problems(
        "/posts/42/report/",
        {
            400: [
                {"reason": BLANK},
                {"post_id": "You cannot report your own post."},
                BAD_KEY,
            ],
            404: NO_SUCH_POST,
            409: "You have reported this post already.",
            422: KEY_REUSED,
        },
    ),
)
