from django.utils.text import Truncator

from moderation.targets import Target, Verb, register
from posts.models import Post
from posts.selectors import lock_any_post_or_raise
from posts.services import delete_any_post, hide_post, unhide_post

EXCERPT = 200


def _describe(post: Post) -> str:
    return f"@{post.user.username}, post {post.pk}: {Truncator(post.content).chars(EXCERPT)}"


POST = Target(
    name="post",
    model=Post,
    permission="moderation.moderate_posts",
    lock=lock_any_post_or_raise,
    fields=("hidden_at", "deleted_at"),
    describe=_describe,
    author="user",
)
register(
    Verb(POST, "hide_post", "Hide post", hide_post),
    Verb(POST, "unhide_post", "Unhide post", unhide_post),
    Verb(POST, "delete_post", "Delete post", delete_any_post),
)
