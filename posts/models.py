from django.conf import settings
from django.db import models


class PostQuerySet(models.QuerySet["Post"]):
    def visible(self) -> "PostQuerySet":
        """Neither deleted nor hidden. Whether the author is suspended, reads ask beside it."""
        return self.filter(deleted_at=None, hidden_at=None)


class Post(models.Model):
    """A short text. Deleting erases the text; the row stays, and every read leaves it out.

    A moderator hides a post with the same effect, and can unhide it.
    """

    MAX_LENGTH = 5000

    # The index below begins with user_id: a second one would only cost writes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    content = models.TextField(max_length=MAX_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        db_table = "posts"
        indexes = [models.Index(fields=["user", "id"], name="posts_user_id")]

    def __str__(self) -> str:
        return f"post {self.pk} of user {self.user_id}"
