from django.conf import settings
from django.db import models


class Follow(models.Model):
    """An edge: the follower's feed holds the followee's posts."""

    follower = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
    )
    followee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "follows"
        constraints = [
            models.UniqueConstraint(fields=["follower", "followee"], name="follows_pair"),
            models.CheckConstraint(
                condition=~models.Q(follower=models.F("followee")), name="follows_not_oneself"
            ),
        ]
        indexes = [models.Index(fields=["followee", "follower"], name="follows_followee_follower")]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.followee_id}"
