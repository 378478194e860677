from django.db import models
from django.utils import timezone


class IdempotencyKey(models.Model):
    """The stored answer to a POST that created something.

    A row is written in the transaction of what it created and never changed. It has no foreign key,
    so it outlives both the object and the user's row.
    """

    user_id = models.PositiveBigIntegerField()
    # The server's usual collations hold 'a' and 'A' for equal.
    key = models.CharField(max_length=255, db_collation="utf8mb4_bin")
    path = models.CharField(
        max_length=255, db_default="", help_text="Empty in rows of versions that knew one path."
    )
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the body, in hex.")
    # Not a JSONField: MySQL would put its members into another order.
    answer = models.TextField(help_text="The body, in JSON.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # Posts were the first to have keys. Versions before still read this table in a roll-out.
        db_table = "posts_idempotency_keys"
        constraints = [
            models.UniqueConstraint(fields=["user_id", "key"], name="posts_idempotency_user_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="posts_idempotency_created")]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id}"
