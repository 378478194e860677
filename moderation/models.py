from typing import Any, Never

from django.conf import settings
from django.db import models

from moderation import targets
from posts.models import Post

MAX_REASON = 500


class Report(models.Model):
    """A user tells that a post should not be here. Open until a moderator has done something."""

    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    # The constraint below begins with it.
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="+", db_index=False)
    reason = models.CharField(max_length=MAX_REASON)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "moderation_reports"
        default_permissions = ["view"]
        constraints = [
            models.UniqueConstraint(fields=["post", "reporter"], name="moderation_reports_once")
        ]

    def __str__(self) -> str:
        return f"report of post {self.post_id} by user {self.reporter_id}"


class ReportedPost(models.Model):
    """A place in the moderators' queue: a post with its open reports, counted when they come.

    There is a row only while there are open reports, so the queue is short however many posts
    there are. Whoever writes one holds the lock of the post.
    """

    post = models.OneToOneField(Post, on_delete=models.CASCADE, primary_key=True, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    open_reports = models.PositiveIntegerField(default=0)
    # Not a TextField, to which MySQL gives no plain default; old processes write no such column.
    content = models.CharField(
        max_length=Post.MAX_LENGTH,
        db_default="",
        help_text="The post's text when it was last reported. Empty in old rows.",
    )
    latest_reasons = models.JSONField(default=list, help_text="Of up to three, newest first.")
    first_reported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "moderation_reported_posts"
        verbose_name_plural = "moderation queue"
        default_permissions = ["view"]
        indexes = [models.Index(fields=["open_reports", "post"], name="moderation_queue")]

    def __str__(self) -> str:
        return f"post {self.pk}"


class AppendOnly(Exception):
    """A row that tells what was done is neither changed nor removed."""


class ModerationActionQuerySet(models.QuerySet["ModerationAction"]):
    def update(self, **_: Any) -> Never:
        raise AppendOnly

    def bulk_update(self, *_: Any, **__: Any) -> Never:
        raise AppendOnly

    def delete(self) -> Never:
        raise AppendOnly


class ModerationAction(models.Model):
    """Who did what to which target, why and when. Rows are only ever added.

    The target is no foreign key: the row outlives what it tells of.
    """

    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    action = models.CharField(max_length=20, choices=targets.choices)
    target_type = models.CharField(max_length=10, help_text="The name of a target.")
    target_id = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=MAX_REASON)
    before = models.JSONField(help_text="What the action can change, as it was.")
    after = models.JSONField(help_text="The same, as it is since.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModerationActionQuerySet.as_manager()

    class Meta:
        db_table = "moderation_actions"
        default_permissions = ["view"]
        permissions = [
            ("moderate_posts", "Can hide, unhide and delete posts and dismiss reports"),
            ("moderate_users", "Can suspend and reinstate users"),
        ]
        indexes = [models.Index(fields=["target_id", "target_type"], name="moderation_target")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises AppendOnly for a row that exists."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *_: Any, **__: Any) -> Never:
        raise AppendOnly
