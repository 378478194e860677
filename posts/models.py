from django.conf import settings
from django.db import models
from django.utils import timezone


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
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="posts", db_index=False
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


class IdempotencyKey(models.Model):
    """What a POST was answered, for the same POST to be answered so again.

    A row is written with the post and never changed. It outlives the post, and has no foreign key.
    """

    user_id = models.PositiveBigIntegerField()
    # The server's usual collations hold 'a' and 'A' for equal.
    key = models.CharField(max_length=255, db_collation="utf8mb4_bin")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request, in hex.")
    # Not a JSONField: MySQL would put its members into another order.
    answer = models.TextField(help_text="The body, in JSON.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "posts_idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=["user_id", "key"], name="posts_idempotency_user_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="posts_idempotency_created")]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id}"
